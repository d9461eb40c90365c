// When a worker or a provider is left alone for a while because its attempts fail, and how it comes back: closed, open, half open. Pure; the
// times are given in milliseconds.

export interface CircuitRules {
  /** Failures of so many jobs in the window, without a success between, open it. One job alone never does: it may be the reason. */
  readonly jobs: number;
  readonly windowMs: number;
  /** How long it is open the first time; doubled each time that the job which probes it fails too, up to `mostMs`. */
  readonly openMs: number;
  readonly mostMs: number;
}

interface FailedJob {
  readonly job: string;
  readonly at: number;
}

export interface Circuit {
  /** The last failure of each job. */
  readonly failed: readonly FailedJob[];
  /** Open until then, half open after that; 0 while it is closed. */
  readonly openUntil: number;
  /** How often it opened since the last success. */
  readonly opened: number;
}

export const CLOSED: Circuit = { failed: [], openUntil: 0, opened: 0 };

/** Nothing is given to what is open; what is half open gets one job at a time, which tells. */
export type CircuitPhase = 'closed' | 'open' | 'half-open';

/** Why a worker gets nothing, or one job at a time. */
export interface Rest {
  readonly phase: Exclude<CircuitPhase, 'closed'>;
  /** Milliseconds since 1970. */
  readonly until: number;
  /** Reason code of the last failure. */
  readonly reason: string;
  /** Who failed: `provider openai`, or `it`. */
  readonly who: string;
}

export function circuitPhase({ openUntil }: Circuit, at: number): CircuitPhase {
  if (openUntil === 0) return 'closed';
  return at < openUntil ? 'open' : 'half-open';
}

/** A failure while it is open is of a job that was begun before: it tells nothing new. */
export function circuitFailed(circuit: Circuit, { job, at }: FailedJob, rules: CircuitRules): Circuit {
  const phase = circuitPhase(circuit, at);
  if (phase === 'open') return circuit;
  const others = circuit.failed.filter((each) => each.job !== job && each.at > at - rules.windowMs);
  const failed = [...others, { job, at }].slice(-rules.jobs);
  if (phase === 'closed' && failed.length < rules.jobs) return { ...circuit, failed };
  const opened = circuit.opened + 1;
  const openMs = Math.min(rules.openMs * 2 ** (opened - 1), rules.mostMs);
  return { failed, openUntil: at + openMs, opened };
}
