// A bounded first-in first-out channel between one producer side and one consumer. It owns backpressure, not policy.
import { AppError } from './errors.ts';

/** `push` waits while full, `offer` refuses; iteration ends at `close` (after what is queued) or throws its error. */
export class Channel<T> implements AsyncIterable<T> {
  readonly capacity: number;
  readonly #items: T[] = [];
  readonly #readers: { resolve: (r: IteratorResult<T>) => void; reject: (e: unknown) => void }[] = [];
  #writers: (() => void)[] = [];
  #closed = false;
  #error: unknown;

  /** @param capacity how many items may wait, at least 1 */
  constructor(capacity: number) {
    this.capacity = capacity;
    if (!(capacity >= 1)) throw new AppError('INVALID_ARGUMENT', { what: `channel capacity ${capacity}` });
  }

  get size(): number {
    return this.#items.length;
  }

  get closed(): boolean {
    return this.#closed;
  }

  /** Adds at once, or returns false when full. Throws CLOSED after `close`. */
  offer(item: T): boolean {
    if (this.#closed) throw new AppError('CLOSED', { what: 'channel' });
    const reader = this.#readers.shift();
    if (reader) {
      reader.resolve({ value: item, done: false });
      return true;
    }
    if (this.#items.length >= this.capacity) return false;
    this.#items.push(item);
    return true;
  }

  /** Adds, waiting for room. Throws CLOSED when closed before there was room. */
  async push(item: T): Promise<void> {
    while (!this.offer(item)) await new Promise<void>((resolve) => this.#writers.push(resolve));
  }

  /** Ends the channel; with an error the consumer sees it after the queued items. Idempotent. */
  close(error?: unknown): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#error = error;
    for (const reader of this.#readers.splice(0)) this.#finish(reader);
    this.#wake();
  }

  next(): Promise<IteratorResult<T>> {
    if (this.#items.length > 0) {
      const value = this.#items.shift() as T;
      this.#wake();
      return Promise.resolve({ value, done: false });
    }
    return new Promise((resolve, reject) => {
      const reader = { resolve, reject };
      if (this.#closed) this.#finish(reader);
      else this.#readers.push(reader);
    });
  }

  [Symbol.asyncIterator](): AsyncIterator<T> {
    return {
      next: () => this.next(),
      return: async () => {
        this.close();
        return { value: undefined, done: true };
      },
    };
  }

  #finish(reader: { resolve: (r: IteratorResult<T>) => void; reject: (e: unknown) => void }): void {
    if (this.#error === undefined) reader.resolve({ value: undefined, done: true });
    else reader.reject(this.#error);
  }

  #wake(): void {
    const writers = this.#writers;
    this.#writers = [];
    for (const wake of writers) wake();
  }
}
