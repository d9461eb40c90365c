// A clock that moves only when told.
import type { Clock } from '../../src/base/clock.ts';

export class ManualClock implements Clock {
  #now: number;
  #next = 0;
  readonly #timers = new Map<number, { due: number; run: () => void }>();

  constructor(start = Date.UTC(2026, 0, 1)) {
    this.#now = start;
  }

  now(): number {
    return this.#now;
  }

  monotonic(): number {
    return this.#now;
  }

  after(ms: number, run: () => void): () => void {
    const id = this.#next++;
    this.#timers.set(id, { due: this.#now + Math.max(ms, 0), run });
    return () => this.#timers.delete(id);
  }

  /** Moves time on by `ms` and runs what falls due, in order. */
  advance(ms: number): void {
    const end = this.#now + ms;
    for (;;) {
      const due = [...this.#timers].filter(([, t]) => t.due <= end).sort(([a, x], [b, y]) => x.due - y.due || a - b)[0];
      if (!due) break;
      this.#timers.delete(due[0]);
      this.#now = Math.max(this.#now, due[1].due);
      due[1].run();
    }
    this.#now = end;
  }
}
