// Which worker gets a job. Pure policy: hard filters, then the best liked, the cheapest, the least loaded, the lowest id.
import { type Misfit, misfit, modelFor } from './fit.ts';
import { type JobNeed, type Liking, labelsOf, serves, type WorkerView } from './worker-view.ts';

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
  const liked = job.liking ? likingOf(job.liking, a) - likingOf(job.liking, b) : 0;
  if (liked !== 0) return liked > 0;
  const dearer = priceFor(job, a) - priceFor(job, b);
  if (dearer !== 0) return dearer < 0;
  const busier = loadOf(a) - loadOf(b);
  if (busier !== 0) return busier < 0;
  if (a.freeSlots !== b.freeSlots) return a.freeSlots > b.freeSlots;
  return a.id < b.id;
}

/** The share of its slots that are taken. */
const loadOf = ({ freeSlots, totalSlots }: WorkerView): number => (totalSlots > 0 ? 1 - freeSlots / totalSlots : 1);

/** Of the model that the job names, else of the first one. */
export const priceFor = (job: JobNeed, worker: WorkerView): number =>
  (modelFor(job, worker) ?? worker).priceMicrosPerKiloToken;

/** What a worker is worth: the sum of what its labels are, and of its memory of the conversation. */
export function likingOf({ labels: wanted, warm }: Liking, worker: WorkerView): number {
  const labels = labelsOf(worker);
  let sum = warm?.worker === worker.id ? warm.weight : 0;
  for (const { label, value, weight } of wanted)
    if (Object.hasOwn(labels, label) && labels[label] === value) sum += weight;
  return sum;
}
