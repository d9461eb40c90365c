// Says what a start is doing, but only to who waits: from its second second on.
import type { Clock } from '../base/clock.ts';

const PATIENCE_MS = 1_000;

export class StartNews {
  readonly #say: (line: string) => void;
  readonly #stop: () => void;
  #step = '';
  #late = false;

  constructor(say: (line: string) => void, clock: Clock) {
    this.#say = say;
    this.#stop = clock.after(PATIENCE_MS, () => {
      this.#late = true;
      if (this.#step !== '') say(this.#step);
    });
  }

  /** @param what it does from now on */
  step(what: string): void {
    this.#step = what;
    if (this.#late) this.#say(what);
  }

  end(): void {
    this.#stop();
    this.#step = '';
    this.#late = false;
  }
}
