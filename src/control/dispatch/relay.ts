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

export interface RelayParts {
  readonly queue: JobQueue;
  /** The workers that are connected. */
  readonly workers: () => readonly WorkerView[];
  readonly signals: Signals;
  readonly log: Logger;
}

interface Queued {
  readonly row: RelayRow;
  readonly queue: string;
}

interface Unplaced {
  readonly row: RelayRow;
  /** What its run was told that it waits for; empty when somebody could serve it. */
  readonly what: string;
}

/** Rows that may wait in memory for a place; the rest stays in the store and comes with a later scan. */
const MAX_UNPLACED = 10_000;

/** Unplaced rows looked at when a slot becomes free. */
const RETRIED = 256;

export const commonQueue = (capability: string, tier: number): string => `${capability}.${tier}`;
export const replicaQueue = (replica: string): string => `replica.${replica}`;

export class Relay {
  readonly #parts: RelayParts;
  readonly #queued = new Map<string, Queued>();
  readonly #unplaced = new Map<string, Unplaced>();

  constructor(parts: RelayParts) {
    this.#parts = parts;
  }

  /** Dispatches that wait in a queue, or here, because of this replica. */
  held(): string[] {
    return [...this.#queued.keys(), ...this.#unplaced.keys()];
  }

  /** Whether something that this replica queued or could not place may still wait before this row. */
  hasQueued(row: OutboxRow): boolean {
    if (this.#unplaced.size > 0) return true;
    for (const { row: each } of this.#queued.values()) if (each.capability === row.capability) return true;
    return false;
  }

  /** How many of a tenant's jobs they are. */
  waitingOf(tenant: string): number {
    let count = 0;
    for (const { row } of this.#queued.values()) if (row.tenant === tenant) count++;
    for (const { row } of this.#unplaced.values()) if (row.tenant === tenant) count++;
    return count;
  }

  /** How many more may wait here. */
  get room(): number {
    return MAX_UNPLACED - this.#unplaced.size;
  }

  /** Places rows and queues them. Never throws: what could not be queued waits here for the next try. */
  async add(rows: readonly RelayRow[]): Promise<void> {
    const byQueue = new Map<string, RelayRow[]>();
    for (const row of rows) {
      const queue = this.#queueOf(row);
      if (queue === undefined) continue;
      this.#queued.set(row.dispatchId, { row, queue });
      const same = byQueue.get(queue);
      if (same) same.push(row);
      else byQueue.set(queue, [row]);
    }
    for (const [queue, same] of byQueue) {
      try {
        await this.#parts.queue.add(
          queue,
          same.map(({ dispatchId }) => dispatchId),
        );
      } catch (error) {
        // What was ended meanwhile is not queued any more and is not kept.
        for (const row of same) if (this.#queued.delete(row.dispatchId)) this.#keep(row, '');
        this.#parts.log.warn('jobs could not be queued yet', { queue, jobs: same.length, why: String(error) });
      }
    }
  }

  /** What jobs of a run wait for that no connected worker can serve. */
  waits(tenant: string, run: string): { job: string; what: string }[] {
    return [...this.#unplaced.values()].flatMap(({ row, what }) =>
      row.tenant === tenant && row.run === run && what !== '' ? [{ job: row.job, what }] : [],
    );
  }

  /** Tries again some of what had no place, those that waited longest for a try first. Never throws. */
  async retry(limit = RETRIED): Promise<void> {
    if (this.#unplaced.size === 0) return;
    await this.add([...this.#unplaced.values()].slice(0, limit).map(({ row }) => row));
  }

  /** The workers changed: everything without a place is tried again, and what nobody could serve any more says so. Never throws. */
  async review(): Promise<void> {
    await this.retry(MAX_UNPLACED);
    const workers = this.#parts.workers();
    const verdicts = new Map<string, boolean>();
    for (const [id, { row, queue }] of [...this.#queued]) {
      const need = needOf(row);
      const kind = JSON.stringify(need);
      const never = verdicts.get(kind) ?? isNever(need, workers);
      verdicts.set(kind, never);
      if (!never) continue;
      const removed = await this.#parts.queue.remove(queue, id).catch(() => false);
      if (removed && this.#queued.delete(id)) await this.add([row]);
    }
  }

  /** Forgets dispatches that were taken or are over. */
  forget(dispatchIds: Iterable<string>): void {
    for (const id of dispatchIds) {
      this.#queued.delete(id);
      this.#unplaced.delete(id);
    }
  }

  /** Where the row goes now; undefined when it waits here, because nobody has a place for it. */
  #queueOf(row: RelayRow): string | undefined {
    const need = needOf(row);
    const workers = this.#parts.workers();
    const placement = place(need, workers);
    const what = placement.ok || !placement.never ? '' : explain(need, workers).summary;
    const told = this.#unplaced.get(row.dispatchId)?.what ?? '';
    if (what !== told) {
      this.#parts.signals.toRun(row.tenant, row.run, { case: 'waits', value: { job: row.job, what } });
    }
    this.#unplaced.delete(row.dispatchId);
    if (isPlain(row) && what === '') return commonQueue(row.capability, row.tier);
    if (!isPlain(row) && placement.ok) return replicaQueue(placement.worker.replica);
    this.#keep(row, what);
    return undefined;
  }

  #keep(row: RelayRow, what: string): void {
    if (this.#unplaced.size < MAX_UNPLACED) this.#unplaced.set(row.dispatchId, { row, what });
  }
}

const isPlain = (row: RelayRow): boolean =>
  row.slots <= 1 && Object.keys(row.selector).length === 0 && row.recipients.length === 0;

const isNever = (need: JobNeed, workers: readonly WorkerView[]): boolean => {
  const placement = place(need, workers);
  return !placement.ok && placement.never;
};

export const needOf = (row: RelayRow): JobNeed => ({
  capability: row.capability,
  method: row.method.slice(row.method.indexOf('/') + 1),
  tenant: row.tenant,
  selector: row.selector,
  recipients: row.recipients,
  slots: row.slots,
});
