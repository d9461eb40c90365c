// Which timers a run has open: a pure function of its state, so that none can be forgotten or left behind.
import { CANCEL_GRACE_MS } from '../run/limits.ts';
import { type FoldedJob, type FoldedRun, isEnded, isOpen } from '../run/state.ts';

/** deadline: of the run. retry: the wait before an attempt. timeout: of a job. cancel: how long an effect is waited for. */
export type TimerKind = 'deadline' | 'retry' | 'timeout' | 'cancel';

export interface OpenTimer {
  readonly id: string;
  readonly kind: TimerKind;
  /** Empty for the run's own. */
  readonly job: string;
  /** Milliseconds since 1970. */
  readonly dueAt: number;
}

/** The timer of the run itself. */
export function runTimer(run: FoldedRun): OpenTimer | undefined {
  if (isEnded(run) || run.timeoutMs <= 0) return undefined;
  return { id: `${run.id}/deadline`, kind: 'deadline', job: '', dueAt: run.createdAt + run.timeoutMs };
}

/** The timers of one job. */
export function jobTimers(job: FoldedJob): OpenTimer[] {
  if (!isOpen(job)) return [];
  if (job.phase === 'cancelling') {
    return [{ id: `${job.id}/cancel`, kind: 'cancel', job: job.id, dueAt: job.cancellingAt + CANCEL_GRACE_MS }];
  }
  const timers: OpenTimer[] = [];
  if (job.phase === 'retrying') {
    timers.push({ id: `${job.id}/retry/${job.epoch}`, kind: 'retry', job: job.id, dueAt: job.dueAt });
  }
  if (job.timeoutMs > 0) {
    timers.push({ id: `${job.id}/timeout`, kind: 'timeout', job: job.id, dueAt: job.queuedAt + job.timeoutMs });
  }
  return timers;
}

export function openTimers(run: FoldedRun): OpenTimer[] {
  const timers = [...run.jobs.values()].flatMap(jobTimers);
  const own = runTimer(run);
  return own ? [own, ...timers] : timers;
}
