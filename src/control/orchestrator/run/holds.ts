// Time that stands still: a job whose device asks its owner does not use up its time, nor that of its run. Part of the fold. Pure.
import { type FoldedJob, type FoldedRun, isHeld } from './state.ts';

/** Its device asks its owner, or will wait for longer than it said. */
export const held = (job: FoldedJob, at: number, heldUntil: number): FoldedJob => ({
  ...job,
  heldAt: isHeld(job) ? job.heldAt : at,
  heldUntil,
  holds: job.holds + 1,
});

/** The owner said yes: its time begins anew, as it does on the device. */
export const released = (job: FoldedJob, at: number): FoldedJob => ({
  ...job,
  heldAt: 0,
  heldUntil: 0,
  heldMs: Math.max(at - job.queuedAt, 0),
});

/** Only an attempt that may be with its device is held: with every other change that ends. */
export function heldNoMore(was: FoldedJob, job: FoldedJob, at: number): FoldedJob {
  if (!isHeld(job) || (job.epoch === was.epoch && (job.phase === 'queued' || job.phase === 'running'))) return job;
  return { ...job, heldAt: 0, heldUntil: 0, heldMs: job.heldMs + Math.max(at - job.heldAt, 0) };
}

/** The time of a run stands still while any of its jobs is held. */
export function withHolds(run: FoldedRun, at: number): FoldedRun {
  const waits = [...run.jobs.values()].some(isHeld);
  if (waits === run.heldAt > 0) return run;
  if (waits) return { ...run, heldAt: at, holds: run.holds + 1 };
  return { ...run, heldAt: 0, heldMs: stoodStill(run, at) };
}

/**
 * Replicas whose clocks differ may have begun, held and released it. What was held did not run out of its time: where that seems
 * so its time begins anew; and it stood still no longer than it is old.
 */
function stoodStill({ createdAt, timeoutMs, heldAt, heldMs }: FoldedRun, at: number): number {
  const age = Math.max(at - createdAt, 0);
  const held = Math.min(heldMs + Math.max(at - heldAt, 0), age);
  return timeoutMs > 0 && age - held > timeoutMs ? age : held;
}

/** Milliseconds that do not count for the time of a job, or of a run. */
export const heldFor = (of: Pick<FoldedJob, 'heldAt' | 'heldMs'>, now: number): number =>
  of.heldMs + (of.heldAt > 0 ? Math.max(now - of.heldAt, 0) : 0);
