// A database that is opened by whoever needs it first, and tried again by the next one when that failed.
import { AppError } from '../../../../base/errors.ts';
import type { PassageDatabase } from './database.ts';

export class LazyDatabase {
  readonly #open: () => Promise<PassageDatabase>;
  #opened: Promise<PassageDatabase> | undefined;
  #closed = false;

  constructor(open: () => Promise<PassageDatabase>) {
    this.#open = open;
  }

  /** Throws what opening throws, CLOSED after `close`. */
  get(): Promise<PassageDatabase> {
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
