// Calls that hang, for the wrappers that inject faults: each until its time is over or all are let go.
import type { Clock } from '../../../src/base/clock.ts';

export class Hangs {
  readonly #clock: Clock;
  readonly #ms: number | undefined;
  readonly #ends = new Set<() => void>();

  /** @param ms how long one hangs; without it, until `end`. */
  constructor(clock: Clock, ms: number | undefined) {
    this.#clock = clock;
    this.#ms = ms;
  }

  hang(): Promise<void> {
    return new Promise((resolve) => {
      const stop = this.#ms === undefined ? () => {} : this.#clock.after(this.#ms, () => end());
      const end = () => {
        stop();
        this.#ends.delete(end);
        resolve();
      };
      this.#ends.add(end);
    });
  }

  /** Lets go of all that hang now. */
  end(): void {
    for (const end of [...this.#ends]) end();
  }
}
