// A manual clock of a process that stands still at will: its timers come late, as after a long turn of the event loop.
import type { Clock } from '../../src/base/clock.ts';
import { ManualClock } from './manual-clock.ts';

export class StallingClock implements Clock {
  readonly #clock = new ManualClock();
  #lag = 0;

  now(): number {
    return this.#clock.now() + this.#lag;
  }

  monotonic(): number {
    return this.#clock.monotonic() + this.#lag;
  }

  after(ms: number, run: () => void): () => void {
    return this.#clock.after(ms, run);
  }

  advance(ms: number): void {
    this.#clock.advance(ms);
  }

  /** Time passes, and nothing of this process runs. */
  stall(ms: number): void {
    this.#lag += ms;
  }
}
