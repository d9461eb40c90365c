// Opens the index at the first query and keeps it from then on. SQLite in WebAssembly takes 5 MB, which an edge that only
// runs tool calls never needs; the journal has everything the index is made of.
import type { SqlJsStatic } from 'sql.js';
import { AppError } from '../../base/errors.ts';
import type { Entry, Fold } from '../journal/records.ts';
import { type OpenIndexOptions, openIndex } from './open-index.ts';
import type { SqliteIndex } from './sqlite-index.ts';

export interface OnDemandIndexOptions extends Omit<OpenIndexOptions, 'sql'> {
  /** Loads SQLite; asked again when it failed. */
  readonly load: () => Promise<SqlJsStatic>;
  /** So many records of this process are left to catch up with at a first query; then it opens by itself. Default 5000. */
  readonly lagRecords?: number;
}

/** A fold only to count: what it missed, `openIndex` reads from the journal. */
export class OnDemandIndex implements Fold {
  readonly #options: OnDemandIndexOptions;
  readonly #lagRecords: number;
  #index: Promise<SqliteIndex> | undefined;
  #missed = 0;
  #closed = false;

  constructor(options: OnDemandIndexOptions) {
    this.#options = options;
    this.#lagRecords = options.lagRecords ?? 5_000;
  }

  /** Whether it was opened, or is being opened. */
  get open(): boolean {
    return this.#index !== undefined;
  }

  /** What the index says once it has seen all that is journaled. Rejects with CLOSED, or when SQLite cannot be loaded. */
  async query<T>(read: (index: SqliteIndex) => T): Promise<T> {
    return read(await this.#opened());
  }

  apply(_entry: Entry): void {
    if (this.#index || this.#closed || ++this.#missed < this.#lagRecords) return;
    this.#missed = 0;
    this.#opened().catch((error: unknown) => this.#options.log.error('the index could not be opened', error));
  }

  /** Writes the snapshot and frees the memory, where it was opened. */
  async close(): Promise<void> {
    this.#closed = true;
    const index = await this.#index?.catch(() => undefined);
    await index?.close();
  }

  #opened(): Promise<SqliteIndex> {
    if (this.#closed) return Promise.reject(new AppError('CLOSED', { what: 'the index' }));
    this.#index ??= this.#load().catch((error: unknown) => {
      this.#index = undefined;
      throw error;
    });
    return this.#index;
  }

  async #load(): Promise<SqliteIndex> {
    const { load, ...options } = this.#options;
    return openIndex({ ...options, sql: await load() });
  }
}
