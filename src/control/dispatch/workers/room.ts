// How much the workers of this replica can still take, beside what is on its way to them.
import type { WorkerView } from '../../routing/worker-view.ts';

/** Jobs that a worker here will have, and that none has yet. */
export interface OnTheWay {
  /** Undefined while nobody knows. */
  readonly capability: string | undefined;
  readonly jobs: number;
}

/** Free slots of these workers, less the jobs on their way that one of them may get: what is for others takes no room here. */
export function roomOf(workers: readonly WorkerView[], onTheWay: Iterable<OnTheWay>): number {
  let room = workers.reduce((slots, view) => slots + view.freeSlots, 0);
  if (room === 0) return 0;
  const theirs = mayServe(workers);
  for (const { capability, jobs } of onTheWay) if (theirs(capability)) room -= jobs;
  return room;
}

/** Says of a capability whether one of these workers serves it; of one that nobody knows, it may be so. */
export function mayServe(workers: readonly WorkerView[]): (capability: string | undefined) => boolean {
  const packages = new Set(workers.flatMap((view) => view.packages.map((served) => served.package)));
  return (capability) => capability === undefined || packages.has(capability);
}
