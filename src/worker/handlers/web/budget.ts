// The time that one request with its redirects may take, waiting for a host's turn aside.
import type { Clock } from '../../../base/clock.ts';
import { AppError } from '../../../base/errors.ts';

export class Budget {
  readonly #clock: Clock;
  readonly #ms: number;
  readonly #bound: string;
  #left: number;

  /** @param bound what moves that time, in words */
  constructor(ms: number, clock: Clock, bound: string) {
    this.#clock = clock;
    this.#ms = ms;
    this.#bound = bound;
    this.#left = ms;
  }

  /** Does `work` with a signal that aborts with WEB_TOO_SLOW when the time is spent. */
  async spend<T>(outer: AbortSignal, work: (signal: AbortSignal) => Promise<T>): Promise<T> {
    const late = new AbortController();
    const start = this.#clock.monotonic();
    const problem = `it took longer than ${this.#ms} ms (${this.#bound})`;
    const stop = this.#clock.after(this.#left, () => late.abort(new AppError('WEB_TOO_SLOW', { problem })));
    try {
      return await work(AbortSignal.any([outer, late.signal]));
    } finally {
      stop();
      this.#left -= this.#clock.monotonic() - start;
    }
  }
}
