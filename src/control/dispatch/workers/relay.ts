// From committed outbox rows to queues: plain jobs to the queue of their capability and tier, the rest to the replica of the
// worker that placement chose. A queue holds what there are free slots for; the rest stays in the store. Knows what its jobs wait for.
import type { Clock } from '../../../base/clock.ts';
import type { Logger } from '../../../base/logger.ts';
import type { JobQueue } from '../../queue/ports.ts';
import { explain } from '../../routing/explain.ts';
import { place } from '../../routing/place.ts';
import { type JobNeed, type Liking, serves, type WorkerView } from '../../routing/worker-view.ts';
import type { Outbox } from '../../store/outbox.ts';
import type { OutboxRow } from '../../store/unit.ts';
import type { Signals } from '../signals/signals.ts';
import type { Backlog } from './backlog.ts';

/** `method` is empty where it is not known; then every worker of the capability counts. */
export type RelayRow = OutboxRow & { readonly tenant: string; readonly method: string; readonly conversation?: string };

export interface RelayParts {
  readonly replica: string;
  readonly queue: JobQueue;
  readonly outbox: Outbox;
  readonly backlog: Backlog;
  /** The workers that are connected, to whichever replica. */
  readonly workers: () => readonly WorkerView[];
  /** A worker of another replica was chosen for a job of so many slots. */
  readonly spend: (worker: WorkerView, slots: number) => void;
  /** What workers are preferred by; default nothing. */
  readonly liking?: ((row: RelayRow) => Liking | undefined) | undefined;
  readonly signals: Signals;
  readonly clock: Clock;
  readonly log: Logger;
}

interface Waiting {
  readonly row: RelayRow;
  /** Where it was put; empty when it only stands in the store. */
  queue: string;
  /** What its run was told that it waits for; empty when somebody could serve it. */
  what: string;
  /** Monotonic time since when nobody could ever serve it. */
  since: number;
}

/** Jobs remembered that wait for a worker; of more it is only not told at once that nobody can serve them. */
const MAX_WAITING = 10_000;

/** Jobs whose memory is compared with the store in one round. */
const VERIFIED = 1_000;

export const commonQueue = (capability: string, tier: number): string => `${capability}.${tier}`;
export const replicaQueue = (replica: string): string => `replica.${replica}`;

export class Relay {
  readonly #parts: RelayParts;
  readonly #waiting = new Map<string, Waiting>();
  /** By queue: how many wait there, about. */
  readonly #depth = new Map<string, number>();

  constructor(parts: RelayParts) {
    this.#parts = parts;
  }

  /** Places free jobs and queues them. Never throws: what cannot be queued stands in the store, and workers' replicas hear of it. */
  async add(rows: readonly RelayRow[]): Promise<void> {
    const byQueue = new Map<string, RelayRow[]>();
    const workers = this.#parts.workers();
    for (const row of rows) {
      const queue = this.#queueOf(row, workers);
      this.#remember(row, queue ?? '', queue === undefined ? this.#whyNever(row, workers) : '');
      if (queue === undefined) continue;
      const same = byQueue.get(queue);
      if (same) same.push(row);
      else byQueue.set(queue, [row]);
    }
    await Promise.all([...byQueue].map(([queue, same]) => this.#put(queue, same)));
  }

  /** What jobs of a run wait for that no connected worker can serve. */
  waits(tenant: string, run: string): { job: string; what: string }[] {
    return [...this.#waiting.values()].flatMap(({ row, what }) =>
      row.tenant === tenant && row.run === run && what !== '' ? [{ job: row.job, what }] : [],
    );
  }

  /** Whether nobody who is connected could ever serve it, as far as it is remembered. */
  isHopeless(dispatchId: string): boolean {
    return (this.#waiting.get(dispatchId)?.what ?? '') !== '';
  }

  /** Jobs that nobody who was connected could ever serve for so long, as far as it is remembered. */
  hopeless(forMs: number): { readonly row: RelayRow; readonly what: string }[] {
    const before = this.#parts.clock.monotonic() - forMs;
    return [...this.#waiting.values()].filter(({ what, since }) => what !== '' && since <= before);
  }

  /** The workers changed: what could be served only now is placed again, and what nobody could serve any more says so. Never throws. */
  async review(): Promise<void> {
    const workers = this.#parts.workers();
    const verdicts = new Map<string, string>();
    const again: RelayRow[] = [];
    for (const { row, what, queue } of this.#waiting.values()) {
      const kind = JSON.stringify(needOf(row));
      const now = verdicts.get(kind) ?? this.#whyNever(row, workers);
      verdicts.set(kind, now);
      if (now === what) continue;
      this.#remember(row, queue, now);
      if (now === '') again.push(row);
    }
    await this.add(again);
  }

  /** A replica is gone: what was put into its queue is placed again. Never throws. */
  async replicaLeft(replica: string): Promise<void> {
    const queue = replicaQueue(replica);
    await this.add([...this.#waiting.values()].flatMap((each) => (each.queue === queue ? [each.row] : [])));
  }

  /** Forgets jobs that somebody holds, or that are over. */
  forget(dispatchIds: Iterable<string>): void {
    for (const id of dispatchIds) this.#waiting.delete(id);
  }

  /** So many were taken out of a queue here. */
  dequeued(queue: string, count: number): void {
    this.#depth.set(queue, Math.max((this.#depth.get(queue) ?? 0) - count, 0));
  }

  /** Compares a part of what is remembered with the store, because others take and end jobs too. */
  async verify(): Promise<void> {
    const ids = [...this.#waiting.keys()].slice(0, VERIFIED);
    const free = new Set<string>();
    for (const row of await this.#parts.outbox.check(ids)) if (row.holder === undefined) free.add(row.dispatchId);
    for (const id of ids) {
      const waiting = this.#waiting.get(id);
      this.#waiting.delete(id);
      // Behind the others, so that the next round looks at those.
      if (waiting && free.has(id)) this.#waiting.set(id, waiting);
    }
  }

  /** Gives some of what lies free in the store for long to the queues (again): a queue may have been wiped, or its giver died. */
  async survey(restMs: number, limit: number): Promise<void> {
    const rows = await this.#parts.outbox.survey(restMs, limit);
    for (const capability of new Set(rows.map((row) => row.capability))) this.#parts.backlog.flag(capability);
    await this.add(rows.map((row) => ({ ...row, method: this.#waiting.get(row.dispatchId)?.row.method ?? '' })));
  }

  /** Where the row goes now; undefined when it stays in the store. */
  #queueOf(row: RelayRow, workers: readonly WorkerView[]): string | undefined {
    const { backlog, replica, spend } = this.#parts;
    const placement = place({ ...needOf(row), liking: this.#parts.liking?.(row) }, workers);
    if (!placement.ok && placement.never) return undefined;
    // Who goes next where all are busy is decided in the store, when there is room again.
    if (placement.ok && isPlain(row) && isForAll(row, workers)) return commonQueue(row.capability, row.tier);
    if (placement.ok && placement.worker.replica !== replica) {
      spend(placement.worker, row.slots);
      return replicaQueue(placement.worker.replica);
    }
    // Its worker is here, or all are busy: whoever has a free slot looks into the store.
    backlog.flag(row.capability, !placement.ok);
    return undefined;
  }

  async #put(queue: string, rows: readonly RelayRow[]): Promise<void> {
    const { backlog, log, queue: queues } = this.#parts;
    const leave = (left: readonly RelayRow[]) => {
      for (const capability of new Set(left.map((row) => row.capability))) backlog.flag(capability, true);
    };
    try {
      let room = this.#roomOf(queue);
      if (room < rows.length) {
        this.#depth.set(queue, (await queues.counts(queue)).waiting);
        room = this.#roomOf(queue);
      }
      const ids = rows.slice(0, Math.max(room, 0)).map(({ dispatchId }) => dispatchId);
      this.#depth.set(queue, (this.#depth.get(queue) ?? 0) + ids.length);
      if (ids.length > 0) await queues.add(queue, ids);
      if (ids.length < rows.length) leave(rows.slice(ids.length));
    } catch (error) {
      leave(rows);
      log.warn('jobs could not be queued; they wait in the database', { queue, jobs: rows.length, why: String(error) });
    }
  }

  /** What waits in a queue waits in no order of ours, so it takes what there are free slots for; of a replica's these are spent already. */
  #roomOf(queue: string): number {
    let free = 0;
    for (const view of this.#parts.workers()) {
      if (queue === replicaQueue(view.replica)) free += view.totalSlots;
      else if (queuesOf(view).includes(queue)) free += view.freeSlots;
    }
    return free - (this.#depth.get(queue) ?? 0);
  }

  #whyNever(row: RelayRow, workers: readonly WorkerView[]): string {
    const { never, summary } = explain(needOf(row), workers);
    return never ? summary : '';
  }

  #remember(row: RelayRow, queue: string, what: string): void {
    const known = this.#waiting.get(row.dispatchId);
    if (what !== (known?.what ?? '')) {
      this.#parts.signals.toRun(row.tenant, row.run, { case: 'waits', value: { job: row.job, what } });
    }
    const since = known && known.what !== '' && what !== '' ? known.since : this.#parts.clock.monotonic();
    if (known) Object.assign(known, { queue, what, since });
    else if (this.#waiting.size < MAX_WAITING) this.#waiting.set(row.dispatchId, { row, queue, what, since });
  }
}

const isPlain = (row: RelayRow): boolean =>
  row.slots <= 1 && Object.keys(row.selector).length === 0 && row.recipients.length === 0;

/** Whether every worker that could take it from the common queue may work for its tenant. */
const isForAll = (row: RelayRow, workers: readonly WorkerView[]): boolean =>
  workers.every((view) => serves(view, row.tenant) || !queuesOf(view).includes(commonQueue(row.capability, row.tier)));

/** The queues a worker's replica takes from for it: of its own tier and of the cheaper ones, and that of the replica. */
export function queuesOf({ packages, replica, tier }: WorkerView): string[] {
  const queues = [replicaQueue(replica)];
  for (const served of packages) for (let t = tier; t >= 0; t--) queues.push(commonQueue(served.package, t));
  return queues;
}

export const needOf = (row: RelayRow): JobNeed => ({
  capability: row.capability,
  method: row.method.slice(row.method.indexOf('/') + 1),
  tenant: row.tenant,
  selector: row.selector,
  recipients: row.recipients,
  slots: row.slots,
});
