// Which worker gets a job. Pure policy: hard filters, then the preferred one, the cheapest, the freest, the lowest id.
import { type Misfit, misfit } from './fit.ts';
import { type JobNeed, serves, type WorkerView } from './worker-view.ts';

export interface Rejection extends Misfit {
  readonly worker: WorkerView;
}

export type Placement =
  | { readonly ok: true; readonly worker: WorkerView }
  /** `never`: no connected worker could serve it even if idle, so waiting needs another worker. */
  | { readonly ok: false; readonly rejected: readonly Rejection[]; readonly never: boolean };

/** Chooses among the workers that serve the job's tenant; the order of `workers` does not matter. */
export function place(job: JobNeed, workers: readonly WorkerView[]): Placement {
  const rejected: Rejection[] = [];
  let best: WorkerView | undefined;
  for (const worker of workers) {
    if (!serves(worker, job.tenant)) continue;
    const against = misfit(job, worker);
    if (against) rejected.push({ ...against, worker });
    else if (!best || better(job, worker, best)) best = worker;
  }
  if (best) return { ok: true, worker: best };
  return { ok: false, rejected, never: rejected.every(({ permanent }) => permanent) };
}

function better(job: JobNeed, a: WorkerView, b: WorkerView): boolean {
  if (job.preferWorker !== undefined && a.id !== b.id) {
    if (a.id === job.preferWorker) return true;
    if (b.id === job.preferWorker) return false;
  }
  if (a.priceMicrosPerKiloToken !== b.priceMicrosPerKiloToken)
    return a.priceMicrosPerKiloToken < b.priceMicrosPerKiloToken;
  if (a.freeSlots !== b.freeSlots) return a.freeSlots > b.freeSlots;
  return a.id < b.id;
}
