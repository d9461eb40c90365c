// A database that is opened by whoever needs it first, and tried again by the next one when that failed.
import { AppError } from '../../../../base/errors.ts';
import type { Database } from './database.ts';

export class LazyDatabase {
  readonly #open: () => Promise<Database>;
  #opened: Promise<Database> | undefined;
  #closed = false;

  constructor(open: () => Promise<Database>) {
    this.#open = open;
  }

  /** Throws what opening throws, CLOSED after `close`. */
  get(): Promise<Database> {
    if (this.#closed) return Promise.reject(new AppError('CLOSED', { what: 'the database of retrieval' }));
    this.#opened ??= this.#open().catch((error: unknown) => {
      this.#opened = undefined;
      throw error;
    });
    return this.#opened;
  }

  async close(): Promise<void> {
    this.#closed = true;
    const database = await this.#opened?.catch(() => undefined);
    await database?.close();
  }
}
