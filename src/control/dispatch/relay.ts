// From committed outbox rows to queues: plain jobs to the queue of their capability and tier, the rest to the replica of
// the worker that placement chose. Remembers what it queued, so that the lease can name it.
import type { Logger } from '../../base/logger.ts';
import type { JobQueue } from '../queue/ports.ts';
import { explain } from '../routing/explain.ts';
import { place } from '../routing/place.ts';
import type { JobNeed, WorkerView } from '../routing/worker-view.ts';
import type { OutboxRow } from '../store/unit.ts';
import type { Signals } from './signals.ts';

export type RelayRow = OutboxRow & { readonly tenant: string; readonly method: string };

/** Rows that placement may keep waiting in memory; the rest stays in the store and comes with the next scan. */
const MAX_UNPLACED = 10_000;

export const commonQueue = (capability: string, tier: number): string => `${capability}.${tier}`;
export const replicaQueue = (replica: string): string => `replica.${replica}`;

export class Relay {
  readonly #queue: JobQueue;
  readonly #workers: () => readonly WorkerView[];
  readonly #signals: Signals;
  readonly #log: Logger;
  readonly #queued = new Map<string, RelayRow>();
  readonly #unplaced = new Map<string, RelayRow>();

  constructor(parts: { queue: JobQueue; workers: () => readonly WorkerView[]; signals: Signals; log: Logger }) {
    this.#queue = parts.queue;
    this.#workers = parts.workers;
    this.#signals = parts.signals;
    this.#log = parts.log;
  }

  /** Dispatches that wait in a queue, or here, because of this replica. */
  held(): string[] {
    return [...this.#queued.keys(), ...this.#unplaced.keys()];
  }

  /** Places rows and queues them. Never throws: what could not be queued is tried again at the next scan. */
  async add(rows: readonly RelayRow[]): Promise<void> {
    const byQueue = new Map<string, string[]>();
    for (const row of rows) {
      const queue = this.#queueOf(row);
      if (queue === undefined) continue;
      this.#queued.set(row.dispatchId, row);
      const ids = byQueue.get(queue);
      if (ids) ids.push(row.dispatchId);
      else byQueue.set(queue, [row.dispatchId]);
    }
    for (const [queue, ids] of byQueue) {
      try {
        await this.#queue.add(queue, ids);
      } catch (error) {
        for (const id of ids) this.#queued.delete(id);
        this.#log.warn('jobs could not be queued; they stay in the outbox', {
          queue,
          jobs: ids.length,
          why: String(error),
        });
      }
    }
  }

  /** What jobs of a run wait for that no connected worker can serve. */
  waits(tenant: string, run: string): { job: string; what: string }[] {
    const rows = [...this.#unplaced.values()].filter((row) => row.tenant === tenant && row.run === run);
    return rows.map((row) => ({ job: row.job, what: explain(needOf(row), this.#workers()).summary }));
  }

  /** Tries again what had no place, because a worker came, left or has room. */
  async retry(): Promise<void> {
    if (this.#unplaced.size === 0) return;
    const rows = [...this.#unplaced.values()];
    await this.add(rows);
  }

  /** Forgets dispatches that were taken or are over. */
  forget(dispatchIds: Iterable<string>): void {
    for (const id of dispatchIds) {
      this.#queued.delete(id);
      this.#unplaced.delete(id);
    }
  }

  #queueOf(row: RelayRow): string | undefined {
    const need = needOf(row);
    const workers = this.#workers();
    const plain = row.slots <= 1 && Object.keys(row.selector).length === 0 && row.recipients.length === 0;
    const placement = place(need, workers);
    const waits = placement.ok || !placement.never ? '' : explain(need, workers).summary;
    if (waits !== '' || this.#unplaced.has(row.dispatchId)) {
      this.#signals.toRun(row.tenant, row.run, { case: 'waits', value: { job: row.job, what: waits } });
    }
    this.#unplaced.delete(row.dispatchId);
    if (plain && waits === '') return commonQueue(row.capability, row.tier);
    if (!plain && placement.ok) return replicaQueue(placement.worker.replica);
    if (this.#unplaced.size < MAX_UNPLACED) this.#unplaced.set(row.dispatchId, row);
    return undefined;
  }
}

export const needOf = (row: RelayRow): JobNeed => ({
  capability: row.capability,
  method: row.method.slice(row.method.indexOf('/') + 1),
  tenant: row.tenant,
  selector: row.selector,
  recipients: row.recipients,
  slots: row.slots,
});
