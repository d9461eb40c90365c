// Gives up on a provider that stays silent. Counts only the time that is spent waiting for it, not a slow reader's.
import type { Clock } from '../../../base/clock.ts';

/** An AbortController that fires when one wait for the provider takes too long. */
export class Patience {
  readonly #clock: Clock;
  readonly #controller = new AbortController();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  /** Nothing more is wanted: a reader that left early must not keep the provider busy. */
  stop(): void {
    this.#controller.abort();
  }

  /** Waits for `next` at most `ms`; then `signal` aborts with `reason`, and so does this. */
  async within<T>(next: PromiseLike<T>, ms: number, reason: () => Error): Promise<T> {
    let stop = () => {};
    const late = new Promise<never>((_, reject) => {
      stop = this.#clock.after(ms, () => {
        const error = reason();
        this.#controller.abort(error);
        reject(error);
      });
    });
    try {
      return await Promise.race([next, late]);
    } finally {
      stop();
    }
  }
}
