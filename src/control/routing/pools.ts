// Pools of workers that their operator declared: one that is empty now is started by whoever looks at the metrics, so what it could serve is not
// what nobody can ever serve. Pure.
import { misfit } from './fit.ts';
import type { WorkerView } from './worker-view.ts';

export interface DeclaredPool {
  /** As the keys of its workers name it. */
  readonly name: string;
  /** How many workers there may be, and are to be when nothing waits. */
  readonly min: number;
  readonly max: number;
  /** What a worker of it would be. */
  readonly worker: WorkerView;
}

/** What outstanding jobs of one kind take. */
export interface Demand {
  readonly capability: string;
  readonly selector: Readonly<Record<string, string>>;
  readonly slots: number;
}

/** The workers that are connected, and one without a free slot for each declared pool that has none. */
export function withStarting(views: readonly WorkerView[], pools: readonly DeclaredPool[]): readonly WorkerView[] {
  if (pools.length === 0) return views;
  const there = new Set(views.map(({ pool }) => pool));
  return [...views, ...pools.flatMap(({ name, max, worker }) => (there.has(name) || max === 0 ? [] : [worker]))];
}

/** How many workers each pool is to have. A job counts for the first pool that can take it, so the order of the pools is a preference. */
export function wantedWorkers(pools: readonly DeclaredPool[], demands: readonly Demand[]): Map<string, number> {
  const slots = new Map(pools.map(({ name }) => [name, 0]));
  for (const { capability, selector, slots: taken } of demands) {
    const need = { capability, method: '', tenant: '*', selector, recipients: [], slots: 1 };
    const pool = pools.find(({ max, worker }) => max > 0 && !misfit(need, worker)?.permanent);
    if (pool) slots.set(pool.name, (slots.get(pool.name) ?? 0) + taken);
  }
  return new Map(
    pools.map(({ name, min, max, worker }) => {
      const needed = Math.ceil((slots.get(name) ?? 0) / worker.totalSlots);
      return [name, Math.min(Math.max(needed, min), max)];
    }),
  );
}
