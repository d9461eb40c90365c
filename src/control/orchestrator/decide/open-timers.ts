// Which timers a run has open: a pure function of its state, so that none can be forgotten or left behind.
import { CANCEL_GRACE_MS, HELD_GRACE_MS } from '../run/limits.ts';
import { type FoldedJob, type FoldedRun, isEnded, isHeld, isOpen } from '../run/state.ts';

/**
 * deadline: of the run. retry: the wait before an attempt. timeout: of a job. held: until its device must have said what its owner
 * answered. cancel: how long an effect is waited for.
 */
export type TimerKind = 'deadline' | 'retry' | 'timeout' | 'held' | 'cancel';

export interface OpenTimer {
  readonly id: string;
  readonly kind: TimerKind;
  /** Empty for the run's own. */
  readonly job: string;
  /** Milliseconds since 1970. */
  readonly dueAt: number;
}

/** The timer of the run itself; none while its time stands still. */
export function runTimer(run: FoldedRun): OpenTimer | undefined {
  if (isEnded(run) || run.timeoutMs <= 0 || run.heldAt > 0) return undefined;
  const dueAt = run.createdAt + run.timeoutMs + run.heldMs;
  return { id: `${run.id}/deadline${anew(run.holds)}`, kind: 'deadline', job: '', dueAt };
}

/** What rings at another time has another id: what rang before its time stood still is another timer. */
const anew = (holds: number): string => (holds > 0 ? `/${holds}` : '');

/** The timers of one job. */
export function jobTimers(job: FoldedJob): OpenTimer[] {
  if (!isOpen(job)) return [];
  if (job.phase === 'cancelling') {
    return [{ id: `${job.id}/cancel`, kind: 'cancel', job: job.id, dueAt: job.cancellingAt + CANCEL_GRACE_MS }];
  }
  if (isHeld(job)) {
    const dueAt = job.heldUntil + HELD_GRACE_MS;
    return [{ id: `${job.id}/held${anew(job.holds)}`, kind: 'held', job: job.id, dueAt }];
  }
  const timers: OpenTimer[] = [];
  if (job.phase === 'retrying') {
    timers.push({ id: `${job.id}/retry/${job.epoch}`, kind: 'retry', job: job.id, dueAt: job.dueAt });
  }
  if (job.timeoutMs > 0) {
    const dueAt = job.queuedAt + job.timeoutMs + job.heldMs;
    timers.push({ id: `${job.id}/timeout${anew(job.holds)}`, kind: 'timeout', job: job.id, dueAt });
  }
  return timers;
}

export function openTimers(run: FoldedRun): OpenTimer[] {
  const timers = [...run.jobs.values()].flatMap(jobTimers);
  const own = runTimer(run);
  return own ? [own, ...timers] : timers;
}
