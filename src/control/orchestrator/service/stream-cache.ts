// Folded streams in memory: loads what is missing, folds only what is new, forgets the least used. Entries may be behind the
// store; whoever commits on one that is gets a conflict and asks for a fresh one.
import { hash } from 'node:crypto';
import { LRUCache } from 'lru-cache';
import type { AppError } from '../../../base/errors.ts';
import type { Snapshots } from '../../store/snapshots.ts';
import type { EventStore, LoadedEvent } from '../../store/unit.ts';

interface Versioned {
  readonly version: number;
}

export interface StreamCacheOptions<S extends Versioned, E> {
  readonly store: EventStore;
  readonly read: (event: LoadedEvent) => E;
  readonly evolve: (state: S | undefined, event: E) => S;
  /** Where streams are long: how their states are kept, so that not all of their events are read. */
  readonly snapshots?: SnapshotOptions<S>;
  /** The error that a reader of a stream is given which cannot be read or folded. */
  readonly unreadable: (tenant: string, stream: string, cause: unknown) => AppError;
  readonly maxStreams: number;
  /** Bytes of the events that the cached states were folded from, roughly what they hold. */
  readonly maxBytes: number;
}

export interface SnapshotOptions<S> {
  readonly port: Snapshots;
  /** Raised with each change of what is written; a snapshot of another format is not read. */
  readonly format: number;
  /** A new one is written after so many events; that many more are read at most. */
  readonly every: number;
  readonly write: (state: S) => object;
  /** Undefined for what is no such state of this stream. */
  readonly read: (tenant: string, stream: string, version: number, state: object) => S | undefined;
}

/** What a look into the store brought. */
export interface Refreshed<S, E> {
  /** What was known before. */
  readonly before: S | undefined;
  /** Undefined when there is no such stream. */
  readonly state: S | undefined;
  /** The events in between. */
  readonly events: readonly E[];
}

interface Entry<S> {
  readonly state: S;
  readonly bytes: number;
}

/** Weight of a state beside its payloads. */
const BASE_BYTES = 2048;

export class StreamCache<S extends Versioned, E> {
  readonly #options: StreamCacheOptions<S, E>;
  readonly #entries: LRUCache<string, Entry<S>>;

  constructor(options: StreamCacheOptions<S, E>) {
    this.#options = options;
    this.#entries = new LRUCache<string, Entry<S>>({
      max: options.maxStreams,
      maxSize: options.maxBytes,
      sizeCalculation: (entry) => Math.min(entry.bytes, options.maxBytes),
    });
  }

  /** What is known here; may be behind. */
  peek(tenant: string, stream: string): S | undefined {
    return this.#entries.get(key(tenant, stream))?.state;
  }

  /** Known here, else loaded. Undefined when there is no such stream. */
  async get(tenant: string, stream: string): Promise<S | undefined> {
    return this.peek(tenant, stream) ?? (await this.refresh(tenant, stream)).state;
  }

  /** The stream as it is in the store now; only what is new is read. */
  async refresh(tenant: string, stream: string): Promise<Refreshed<S, E>> {
    const known = this.#entries.get(key(tenant, stream));
    const before = known?.state;
    const kept = before ? undefined : await this.#fromSnapshot(tenant, stream);
    const loaded = kept?.loaded ?? (await this.#options.store.load(tenant, stream, before?.version ?? 0));
    if (before && loaded.version < before.version) {
      // The stream was deleted, or the store restored: nothing of the old fold counts.
      this.forget(tenant, stream);
      if (loaded.version > 0) return this.refresh(tenant, stream);
      return { before, state: undefined, events: [] };
    }
    let state = before ?? kept?.state;
    let bytes = known?.bytes ?? BASE_BYTES;
    const events: E[] = [];
    try {
      for (const stored of loaded.events) {
        const event = this.#options.read(stored);
        state = this.#options.evolve(state, event);
        events.push(event);
        bytes += stored.data.length;
      }
    } catch (cause) {
      // What is known of it is behind for good.
      this.forget(tenant, stream);
      throw this.#options.unreadable(tenant, stream, cause);
    }
    if (state) this.#set(tenant, stream, { state, bytes });
    if (state && events.length >= (this.#options.snapshots?.every ?? Number.POSITIVE_INFINITY)) {
      void this.#keep(tenant, stream, state);
    }
    return { before, state, events };
  }

  /** A state that a snapshot gives, and the events after it; undefined where there is none, or it is not of this stream. */
  async #fromSnapshot(tenant: string, stream: string) {
    const { snapshots, store } = this.#options;
    const kept = await snapshots?.port.find(tenant, stream).catch(() => undefined);
    if (!snapshots || !kept || kept.format !== snapshots.format) return undefined;
    const { version, events } = await store.load(tenant, stream, kept.version - 1);
    const [last, ...later] = events;
    if (last?.version !== kept.version || Buffer.compare(hashOf(last), kept.eventHash) !== 0) return undefined;
    const state = snapshots.read(tenant, stream, kept.version, kept.state);
    return state && { state, loaded: { version, events: later } };
  }

  /** Writes a snapshot. That it could not be written, whoever reads next finds out. */
  async #keep(tenant: string, stream: string, state: S): Promise<void> {
    const { snapshots, store } = this.#options;
    if (!snapshots) return;
    try {
      const last = (await store.load(tenant, stream, state.version - 1)).events[0];
      if (last?.version !== state.version) return;
      const { format, write, port } = snapshots;
      const snapshot = { version: state.version, format, eventHash: hashOf(last), state: write(state) };
      await port.write(tenant, stream, snapshot);
    } catch {
      // The store is away; the next one is written after as many events.
    }
  }

  /** After a commit: the state that it led to, and the bytes it added. */
  put(tenant: string, stream: string, state: S, added: number): void {
    const known = this.#entries.peek(key(tenant, stream));
    this.#set(tenant, stream, { state, bytes: (known?.bytes ?? BASE_BYTES) + added });
    const every = this.#options.snapshots?.every ?? Number.POSITIVE_INFINITY;
    if (known && Math.floor(known.state.version / every) < Math.floor(state.version / every)) {
      void this.#keep(tenant, stream, state);
    }
  }

  forget(tenant: string, stream: string): void {
    this.#entries.delete(key(tenant, stream));
  }

  // A load that began before a commit must not take the cache back.
  #set(tenant: string, stream: string, entry: Entry<S>): void {
    const known = this.#entries.peek(key(tenant, stream));
    if (!known || known.state.version <= entry.state.version) this.#entries.set(key(tenant, stream), entry);
  }
}

const hashOf = ({ data }: LoadedEvent): Buffer => hash('sha256', data, 'buffer');

const key = (tenant: string, stream: string): string => `${tenant}\0${stream}`;
