// Opens the index when somebody asks, and closes it when nobody did for a while: an edge that only runs tool calls does without its
// memory. The journal has everything that it is made of.
import { AppError } from '../../base/errors.ts';
import type { Entry, Fold } from '../journal/records.ts';
import { type OpenIndexOptions, openIndex } from './open-index.ts';
import type { SqliteIndex } from './sqlite-index.ts';

export interface OnDemandIndexOptions extends OpenIndexOptions {
  /** So many records of this process are left to catch up with at a query; then it is opened for that alone. Default 5000. */
  readonly lagRecords?: number;
  /** How long it stays open after a query. Default 10 minutes. */
  readonly restMs?: number;
}

/** With fewer new records it is closed without a snapshot: they are read from the journal sooner than 4 MB are synced. */
const SNAPSHOT_RECORDS = 200;

/** A fold only to count: what it missed, `openIndex` reads from the journal. */
export class OnDemandIndex implements Fold {
  readonly #options: OnDemandIndexOptions;
  readonly #lagRecords: number;
  readonly #restMs: number;
  #index: Promise<SqliteIndex> | undefined;
  /** The last one, as long as it writes its snapshot. */
  #closing: Promise<void> = Promise.resolve();
  #queries = 0;
  #stopTimer: (() => void) | undefined;
  #missed = 0;
  #closed = false;

  constructor(options: OnDemandIndexOptions) {
    this.#options = options;
    this.#lagRecords = options.lagRecords ?? 5_000;
    this.#restMs = options.restMs ?? 600_000;
  }

  /** Whether it is open, or being opened. */
  get open(): boolean {
    return this.#index !== undefined;
  }

  /** What the index says once it has seen all that is journaled. Rejects with CLOSED, or when the journal cannot be read. */
  async query<T>(read: (index: SqliteIndex) => T): Promise<T> {
    this.#queries++;
    this.#stopTimer?.();
    try {
      return read(await this.#opened());
    } finally {
      if (--this.#queries === 0) this.#stopTimer = this.#options.clock.after(this.#restMs, () => this.#release());
    }
  }

  apply(_entry: Entry): void {
    if (this.#index || this.#closed || ++this.#missed < this.#lagRecords) return;
    this.#missed = 0;
    this.#opened().then(
      () => this.#release(),
      (error: unknown) => this.#options.log.error('the index could not be opened', error),
    );
  }

  /** Writes the snapshot and frees the memory, where it is open. */
  async close(): Promise<void> {
    this.#closed = true;
    this.#stopTimer?.();
    await this.#closing;
    const index = await this.#index?.catch(() => undefined);
    await index?.close();
  }

  /** Frees the memory, unless somebody asks just now or did lately. */
  #release(): void {
    if (this.#closed || this.#queries > 0 || !this.#index) return;
    const released = this.#index;
    this.#index = undefined;
    this.#missed = 0;
    this.#closing = released
      .then((index) => index.close(SNAPSHOT_RECORDS))
      .catch((error: unknown) => this.#options.log.error('the index could not be closed', error));
  }

  #opened(): Promise<SqliteIndex> {
    if (this.#closed) return Promise.reject(new AppError('CLOSED', { what: 'the index' }));
    this.#index ??= this.#closing
      .then(() => openIndex(this.#options))
      .catch((error: unknown) => {
        this.#index = undefined;
        throw error;
      });
    return this.#index;
  }
}
