// Gathers what is submitted while a flush is under way into the next one. It knows neither SQL nor units: it keeps the
// order of entries that share a key, never lets two of them be under way at once, and bounds what waits.
import { AppError } from '../../base/errors.ts';

/** What became of one entry of a batch. */
export type EntryResult<R> = { ok: R } | { error: unknown };

export interface GroupCommitOptions<U, R> {
  /** Writes a batch; answers one result per entry, in order. Must not reject. */
  readonly flush: (batch: readonly U[]) => Promise<readonly EntryResult<R>[]>;
  readonly keys: (unit: U) => readonly string[];
  readonly bytes: (unit: U) => number;
  /** Flushes under way at once. */
  readonly flushes: number;
  /** Entries and bytes of one batch; a single larger entry goes alone. */
  readonly maxBatch: number;
  readonly maxBytes: number;
  /** Entries and bytes that may wait; beyond, `submit` throws STORE_BUSY. */
  readonly maxWaiting: number;
  readonly maxWaitingBytes: number;
}

interface Entry<U, R> {
  readonly unit: U;
  readonly keys: readonly string[];
  readonly bytes: number;
  readonly resolve: (result: R) => void;
  readonly reject: (error: unknown) => void;
}

export class GroupCommit<U, R> {
  readonly #options: GroupCommitOptions<U, R>;
  readonly #busy = new Set<string>();
  #waiting: Entry<U, R>[] = [];
  #waitingBytes = 0;
  #active = 0;
  #scheduled = false;
  #closed = false;
  #idle: (() => void)[] = [];

  constructor(options: GroupCommitOptions<U, R>) {
    this.#options = options;
  }

  submit(unit: U): Promise<R> {
    if (this.#closed) return Promise.reject(new AppError('CLOSED', { what: 'the event store' }));
    const bytes = this.#options.bytes(unit);
    if (this.#waiting.length >= this.#options.maxWaiting || this.#waitingBytes > this.#options.maxWaitingBytes) {
      return Promise.reject(new AppError('STORE_BUSY', { waiting: this.#waiting.length }));
    }
    return new Promise((resolve, reject) => {
      this.#waiting.push({ unit, keys: this.#options.keys(unit), bytes, resolve, reject });
      this.#waitingBytes += bytes;
      this.#schedule();
    });
  }

  /** Takes nothing new and resolves when everything submitted has its answer. */
  async close(): Promise<void> {
    this.#closed = true;
    if (this.#active > 0 || this.#waiting.length > 0) await new Promise<void>((resolve) => this.#idle.push(resolve));
  }

  // After the current turn of the event loop, so that what is submitted together goes together.
  #schedule(): void {
    if (this.#scheduled || this.#active >= this.#options.flushes) return;
    this.#scheduled = true;
    setImmediate(() => {
      this.#scheduled = false;
      while (this.#active < this.#options.flushes && this.#start()) {}
    });
  }

  #start(): boolean {
    const batch = this.#nextBatch();
    if (batch.length === 0) return false;
    this.#active++;
    void this.#run(batch);
    return true;
  }

  #nextBatch(): Entry<U, R>[] {
    const { maxBatch, maxBytes } = this.#options;
    const batch: Entry<U, R>[] = [];
    const left: Entry<U, R>[] = [];
    const passed = new Set<string>();
    let bytes = 0;
    for (const [index, entry] of this.#waiting.entries()) {
      const full = batch.length >= maxBatch || (batch.length > 0 && bytes + entry.bytes > maxBytes);
      if (full || left.length >= 4 * maxBatch) {
        for (const rest of this.#waiting.slice(index)) left.push(rest);
        break;
      }
      if (entry.keys.some((key) => this.#busy.has(key) || passed.has(key))) {
        // What shares a key with an earlier entry that stays behind stays behind it.
        for (const key of entry.keys) passed.add(key);
        left.push(entry);
        continue;
      }
      for (const key of entry.keys) this.#busy.add(key);
      batch.push(entry);
      bytes += entry.bytes;
    }
    this.#waiting = left;
    this.#waitingBytes -= bytes;
    return batch;
  }

  async #run(batch: readonly Entry<U, R>[]): Promise<void> {
    const results = await this.#options.flush(batch.map((entry) => entry.unit));
    this.#active--;
    for (const entry of batch) for (const key of entry.keys) this.#busy.delete(key);
    for (const [index, entry] of batch.entries()) {
      const result = results[index];
      if (result && 'ok' in result) entry.resolve(result.ok);
      else entry.reject(result?.error ?? new AppError('INTERNAL', { errorId: 'group commit' }));
    }
    if (this.#waiting.length > 0) this.#schedule();
    else if (this.#active === 0) for (const wake of this.#idle.splice(0)) wake();
  }
}
