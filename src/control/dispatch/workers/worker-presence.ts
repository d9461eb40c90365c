// Which workers are connected to which replica: each tells the others of its own, at once when some come or go, soon when
// their free slots change, and now and then anyway. Hints only, and nothing here is stored: what is not repeated expires.
import { create, fromBinary, type MessageInitShape, toBinary } from '@bufbuild/protobuf';
import { timestampFromMs, timestampMs } from '@bufbuild/protobuf/wkt';
import {
  type FreeSlots,
  type ReplicaHint,
  ReplicaHintSchema,
  type ReplicaWorkers,
} from '../../../../gen/bowline/bus/v1/bus_pb.ts';
import type { Clock } from '../../../base/clock.ts';
import type { Logger } from '../../../base/logger.ts';
import type { Bus, BusHandler } from '../../queue/ports.ts';
import { subscribeSurely } from '../../queue/subscribe-surely.ts';
import { type DeclaredPool, withStarting } from '../../routing/pools.ts';
import type { WorkerView } from '../../routing/worker-view.ts';
import type { ConnectedWorker, WorkerSession } from '../session-ports.ts';
import { worksAs } from './worker-view-of.ts';

export interface WorkerPresenceParts {
  readonly bus: Bus;
  readonly clock: Clock;
  readonly log: Logger;
  readonly replica: string;
  /** How often everything is told again, and after how long without that a replica's workers are forgotten. */
  readonly everyMs: number;
  readonly expireMs: number;
  readonly local: () => readonly WorkerSession[];
  /** Pools that are started when they are wanted. */
  readonly pools?: readonly DeclaredPool[];
}

/** Told what the other replicas say. */
export interface PresenceHandler {
  /** Workers of other replicas came or went. */
  workersChanged(): void;
  /** A replica was heard of that was not known. */
  replicaMet(): void;
  /** A replica left or fell silent: no worker is connected to it any more. */
  replicaLeft(replica: string): void;
  /** Jobs of this capability wait in the store. */
  jobsWait(capability: string): void;
  /** A provider wants to be left alone. */
  paused(account: string, ms: number): void;
  /** These dispatches may have ended. */
  dispatchesEnded(dispatchIds: readonly string[]): void;
}

interface Remote {
  workers: Map<string, RemoteWorker>;
  revision: bigint;
  /** Monotonic milliseconds. */
  expires: number;
}

const TOPIC = 'replicas';
/** Changes within this time are told together: free slots, and everything else. */
const SLOTS_MS = 100;
const SOON_MS = 10;
/** Workers described in one message; a description has some kilobytes. */
const CHUNK = 16;
/** Replicas and workers of one replica that are remembered. */
const MAX_REPLICAS = 1_000;
const MAX_WORKERS = 10_000;
/** Ended dispatches told together. */
const MAX_ENDED = 2_000;

export class WorkerPresence {
  readonly #parts: WorkerPresenceParts;
  readonly #remotes = new Map<string, Remote>();
  readonly #left = new AbortController();
  readonly #waiting = new Map<string, () => void>();
  readonly #told = new Map<string, number>();
  readonly #backlog = new Set<string>();
  #ended: string[] = [];
  #revision = 0n;
  #leaving = false;
  #subscribed: Promise<(() => Promise<void>) | undefined> = Promise.resolve(undefined);
  #views: readonly WorkerView[] | undefined;
  #handler: PresenceHandler | undefined;

  constructor(parts: WorkerPresenceParts) {
    this.#parts = parts;
  }

  /** Begins to listen, for as long as it takes; does not wait for the bus. */
  start(handler: PresenceHandler): void {
    this.#handler = handler;
    this.#subscribed = this.#subscribe();
    this.#beat();
  }

  /** Says that the workers of this replica go, and stops. */
  async stop(): Promise<void> {
    this.leave();
    this.#left.abort();
    for (const stop of this.#waiting.values()) stop();
    this.#waiting.clear();
    const subscribed = await Promise.race([this.#subscribed, Promise.resolve(undefined)]);
    await subscribed?.().catch(() => {});
  }

  /** Tells the others that this replica takes nothing any more. */
  leave(): void {
    this.#leaving = true;
    this.#announce();
  }

  /** Whether no other replica is known. */
  get alone(): boolean {
    return this.#remotes.size === 0;
  }

  /** Workers of the other replicas. */
  remotes(): ConnectedWorker[] {
    return [...this.#remotes.values()].flatMap(({ workers }) => [...workers.values()]);
  }

  /** The workers of all replicas, as placement sees them, and the pools that are empty; free slots of the remote ones are hints. */
  views(): readonly WorkerView[] {
    this.#views ??= this.remotes().map((worker) => worker.view());
    const views = [...this.#parts.local().map((session) => session.view()), ...this.#views];
    return withStarting(views, this.#parts.pools ?? []);
  }

  /** A job was given to the queue of a worker's replica: until it says more, it has less room. */
  spend(worker: WorkerView, slots: number): void {
    const known = this.#remotes.get(worker.replica)?.workers.get(worker.id);
    if (!known) return;
    known.free = Math.max(known.free - slots, 0);
    this.#views = undefined;
  }

  /** Workers came to this replica, left it, or drain. */
  workersChanged(): void {
    this.#later('workers', SOON_MS, () => this.#announce());
  }

  /** Free slots here may have changed. */
  slotsChanged(): void {
    if (!this.alone) this.#later('slots', SLOTS_MS, () => this.#tellSlots());
  }

  /** Jobs of this capability wait in the store. */
  tellBacklog(capability: string): void {
    if (this.alone) return;
    this.#backlog.add(capability);
    this.#later('backlog', SOON_MS, () => {
      for (const each of this.#backlog) this.#publish({ case: 'backlog', value: each });
      this.#backlog.clear();
    });
  }

  /** A provider wants to be left alone for so many milliseconds. */
  tellPause(account: string, ms: number): void {
    if (!this.alone) this.#publish({ case: 'pause', value: { account, ms: BigInt(Math.ceil(ms)) } });
  }

  /** These dispatches, which nobody here runs, are over. */
  tellEnded(dispatchIds: readonly string[]): void {
    if (this.alone) return;
    // What does not fit, whoever runs it notices at its next round.
    this.#ended.push(...dispatchIds.slice(0, MAX_ENDED - this.#ended.length));
    this.#later('ended', SOON_MS, () => {
      this.#publish({ case: 'ended', value: { dispatchIds: this.#ended } });
      this.#ended = [];
    });
  }

  #beat(): void {
    this.#later('beat', this.#parts.everyMs, () => {
      const now = this.#parts.clock.monotonic();
      for (const [replica, { expires }] of this.#remotes) if (expires <= now) this.#forget(replica);
      this.#announce();
      this.#beat();
    });
  }

  #announce(): void {
    const revision = ++this.#revision;
    if (this.#leaving) this.#publish({ case: 'workers', value: { revision, leaving: true } });
    else this.#describe(revision, this.#parts.local());
  }

  #describe(revision: bigint, all: readonly WorkerSession[]): void {
    const ids = all.map(({ id }) => id);
    for (let at = 0; at === 0 || at < all.length; at += CHUNK) {
      const workers = all.slice(at, at + CHUNK).map((session) => ({
        id: session.id,
        profile: profileOf(session),
        tenants: [...session.view().tenants],
        pool: session.view().pool,
        connectTime: timestampFromMs(session.connectedAt),
        lastSeenTime: timestampFromMs(session.lastSeen),
        draining: session.draining,
        free: session.view().freeSlots,
      }));
      this.#publish({ case: 'workers', value: { revision, ids, workers } });
    }
    this.#told.clear();
    for (const session of all) this.#told.set(session.id, session.view().freeSlots);
  }

  #tellSlots(): void {
    const changed = this.#parts.local().flatMap((session) => {
      const free = session.view().freeSlots;
      if (this.#told.get(session.id) === free) return [];
      this.#told.set(session.id, free);
      return [{ worker: session.id, free }];
    });
    if (changed.length > 0) {
      this.#publish({ case: 'free', value: { revision: ++this.#revision, workers: changed } });
    }
  }

  #received({ replica, hint }: ReplicaHint): void {
    if (replica === this.#parts.replica || replica === '') return;
    switch (hint.case) {
      case 'workers':
        if (hint.value.leaving) this.#forget(replica);
        else this.#list(replica, hint.value);
        break;
      case 'free':
        this.#slots(replica, hint.value);
        break;
      case 'backlog':
        this.#handler?.jobsWait(hint.value);
        break;
      case 'pause':
        this.#handler?.paused(hint.value.account, Number(hint.value.ms));
        break;
      case 'ended':
        this.#handler?.dispatchesEnded(hint.value.dispatchIds);
        break;
      case 'ask':
        this.workersChanged();
    }
  }

  #list(replica: string, { revision, ids, workers }: ReplicaWorkers): void {
    const known = this.#remotes.get(replica);
    if (known && revision < known.revision) return;
    if (!known && this.#remotes.size >= MAX_REPLICAS) return;
    const remote = known ?? { workers: new Map<string, RemoteWorker>(), revision, expires: 0 };
    this.#remotes.set(replica, remote);
    remote.revision = revision;
    remote.expires = this.#parts.clock.monotonic() + this.#parts.expireMs;
    const before = [...remote.workers.values()].map(({ id, draining }) => `${id} ${draining}`).join();
    const all = new Set(ids);
    for (const id of remote.workers.keys()) if (!all.has(id)) remote.workers.delete(id);
    for (const worker of workers) {
      if (!worker.profile || remote.workers.size >= MAX_WORKERS) continue;
      remote.workers.delete(worker.id);
      const { id, profile: hello, tenants, pool, draining, free } = worker;
      const connectedAt = worker.connectTime ? timestampMs(worker.connectTime) : 0;
      const lastSeen = worker.lastSeenTime ? timestampMs(worker.lastSeenTime) : 0;
      const view = worksAs({ id, replica, hello, tenants, pool });
      remote.workers.set(id, new RemoteWorker({ id, replica, hello, connectedAt, lastSeen, draining }, view, free));
    }
    this.#views = undefined;
    // A replica that was not known does not know this one either.
    if (!known) {
      this.workersChanged();
      this.#handler?.replicaMet();
    }
    if ([...remote.workers.values()].map(({ id, draining }) => `${id} ${draining}`).join() !== before) {
      this.#handler?.workersChanged();
    }
  }

  #slots(replica: string, { revision, workers }: FreeSlots): void {
    const remote = this.#remotes.get(replica);
    if (!remote || revision < remote.revision) return;
    remote.revision = revision;
    for (const { worker, free } of workers) {
      const known = remote.workers.get(worker);
      if (known) known.free = free;
    }
    this.#views = undefined;
  }

  #forget(replica: string): void {
    if (!this.#remotes.delete(replica)) return;
    this.#views = undefined;
    this.#handler?.replicaLeft(replica);
    this.#handler?.workersChanged();
  }

  async #subscribe(): Promise<(() => Promise<void>) | undefined> {
    const { bus, clock, log } = this.#parts;
    const ask = () => {
      this.#publish({ case: 'ask', value: true });
      this.workersChanged();
    };
    const handler: BusHandler = {
      message: ({ publisher, data }) => {
        if (publisher !== bus.publisher) this.#received(fromBinary(ReplicaHintSchema, data));
      },
      gap: ask,
    };
    const subscribed = await subscribeSurely(bus, TOPIC, handler, { clock, log, signal: this.#left.signal });
    if (!subscribed) return undefined;
    ask();
    return () => subscribed.unsubscribe();
  }

  #publish(hint: NonNullable<MessageInitShape<typeof ReplicaHintSchema>['hint']>): void {
    const { bus, log, replica } = this.#parts;
    bus
      .publish(TOPIC, toBinary(ReplicaHintSchema, create(ReplicaHintSchema, { replica, hint })))
      .catch((error: unknown) => log.debug('a word to the other replicas was not sent', { why: String(error) }));
  }

  /** Once after `ms`, however often it is asked for until then. */
  #later(what: string, ms: number, run: () => void): void {
    if (this.#waiting.has(what) || this.#left.signal.aborted) return;
    const stop = this.#parts.clock.after(ms, () => {
      this.#waiting.delete(what);
      run();
    });
    this.#waiting.set(what, stop);
  }
}

/** What the other replicas are told of what a worker said: not what it held. */
function profileOf({ hello: { name, manifest, models, slots } }: WorkerSession) {
  return { name, models, slots, ...(manifest && { manifest }) };
}

type RemoteFacts = Omit<ConnectedWorker, 'view' | 'busy'>;

/** A worker that is connected to another replica. */
class RemoteWorker implements ConnectedWorker {
  readonly id: string;
  readonly replica: string;
  readonly hello: ConnectedWorker['hello'];
  readonly connectedAt: number;
  readonly lastSeen: number;
  readonly draining: boolean;
  free: number;
  readonly #view: Omit<WorkerView, 'freeSlots'>;

  constructor(facts: RemoteFacts, view: Omit<WorkerView, 'freeSlots'>, free: number) {
    this.id = facts.id;
    this.replica = facts.replica;
    this.hello = facts.hello;
    this.connectedAt = facts.connectedAt;
    this.lastSeen = facts.lastSeen;
    this.draining = facts.draining;
    this.free = free;
    this.#view = view;
  }

  get busy(): number {
    return Math.max(this.hello.slots - this.free, 0);
  }

  view(): WorkerView {
    return { ...this.#view, freeSlots: this.draining ? 0 : this.free };
  }
}
