// Folded streams in memory: loads what is missing, folds only what is new, forgets the least used. Entries may be behind the
// store; whoever commits on one that is gets a conflict and asks for a fresh one.
import { LRUCache } from 'lru-cache';
import type { AppError } from '../../../base/errors.ts';
import type { EventStore, LoadedEvent } from '../../store/unit.ts';

interface Versioned {
  readonly version: number;
}

export interface StreamCacheOptions<S extends Versioned, E> {
  readonly store: EventStore;
  readonly read: (event: LoadedEvent) => E;
  readonly evolve: (state: S | undefined, event: E) => S;
  /** The error that a reader of a stream is given which cannot be read or folded. */
  readonly unreadable: (tenant: string, stream: string, cause: unknown) => AppError;
  readonly maxStreams: number;
  /** Bytes of the events that the cached states were folded from, roughly what they hold. */
  readonly maxBytes: number;
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
    const loaded = await this.#options.store.load(tenant, stream, before?.version ?? 0);
    if (before && loaded.version < before.version) {
      // The stream was deleted, or the store restored: nothing of the old fold counts.
      this.forget(tenant, stream);
      if (loaded.version > 0) return this.refresh(tenant, stream);
      return { before, state: undefined, events: [] };
    }
    let state = before;
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
    return { before, state, events };
  }

  /** After a commit: the state that it led to, and the bytes it added. */
  put(tenant: string, stream: string, state: S, added: number): void {
    const known = this.#entries.peek(key(tenant, stream));
    this.#set(tenant, stream, { state, bytes: (known?.bytes ?? BASE_BYTES) + added });
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

const key = (tenant: string, stream: string): string => `${tenant}\0${stream}`;
