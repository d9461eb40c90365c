// How long a job that is sent now may work. Each hop ends a little before the one above it, so that what was done until then comes back
// as a result instead of being lost with the wait for it. Pure.
import { heldFor } from './holds.ts';
import type { FoldedJob, FoldedRun } from './state.ts';

/** What the way back may take: a tenth of the time, within these bounds in milliseconds. */
const LEAST_MS = 50;
const MOST_MS = 1_000;

/** The time of a hop within that of the hop above it. */
export const within = (ms: number): number => Math.max(1, ms - Math.min(MOST_MS, Math.max(LEAST_MS, ms / 10)));

/**
 * Milliseconds until a job must have ended, with its result on the way; undefined when nothing bounds it. Clocks of replicas may differ, so
 * that no more than half of its time counts as gone. Time in which an owner is asked does not count. One that another job called ends
 * before that one.
 */
export function timeLeft(run: FoldedRun, job: FoldedJob, now: number): number | undefined {
  const parent = job.parent && run.jobs.get(job.parent.job);
  const above = parent ? timeLeft(run, parent, now) : left(run.createdAt + heldFor(run, now), run.timeoutMs, now);
  const bounds = [above, left(job.queuedAt + heldFor(job, now), job.timeoutMs, now)].filter((ms) => ms !== undefined);
  return bounds.length === 0 ? undefined : Math.ceil(within(Math.min(...bounds)));
}

const left = (from: number, ms: number, now: number): number | undefined =>
  ms > 0 ? Math.min(ms, Math.max(from + ms - now, ms / 2)) : undefined;
