// The settings of dispatch. Times are in milliseconds.

export interface DispatchConfig {
  readonly replica: string;
  /** How often leases are renewed and everything is looked at again, in milliseconds. */
  readonly scanMs: number;
  /** How long a lease lives without renewal. */
  readonly leaseMs: number;
  /** How long a worker that vanished may take to come back with its jobs. */
  readonly workerGraceMs: number;
  /** How long after the start jobs without a holder are left to workers that come back. */
  readonly recoverAfterMs: number;
  /** How long a tool call may wait while nobody who is connected could ever serve it. */
  readonly noWorkerMs: number;
  readonly callTtlMs: number;
  /** How many turns tenants get, by tenant; others have 1. */
  readonly weights: ReadonlyMap<string, number>;
  readonly maxTextBytes: number;
  /** Bytes of streamed messages that are kept for readers, all calls together. */
  readonly maxLiveBytes: number;
}
