// The limits of the work loop and their defaults. Settings of the worker change most of them (settings.ts).

export interface WorkLoopLimits {
  /** Jobs and uncommitted results together; default twice the slots, at least 16. */
  readonly maxHeld: number;
  /** Bytes of one job's result; default 4 MiB. */
  readonly maxResultBytes: number;
  /** For a job without a deadline; default 10 minutes. */
  readonly defaultDeadlineMs: number;
  /** How long a cancelled handler may take to stop; default 5 s. */
  readonly stopGraceMs: number;
  /** How long to wait for Welcome; default 10 s. */
  readonly welcomeTimeoutMs: number;
  /** First and longest mean wait between connects; default 200 ms and 15 s. After a session that lasted they start again. */
  readonly backoffBaseMs: number;
  readonly backoffCapMs: number;
}

export const WORK_LIMITS = {
  maxResultBytes: 4 << 20,
  defaultDeadlineMs: 600_000,
  stopGraceMs: 5000,
  welcomeTimeoutMs: 10_000,
  backoffBaseMs: 200,
  backoffCapMs: 15_000,
} as const satisfies Omit<WorkLoopLimits, 'maxHeld'>;
