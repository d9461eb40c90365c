// How long a share is in force: its time begins once, and from then on nothing makes it longer. Until it begins it may have a bound, too.
import type { Clock } from '../../base/clock.ts';

export class GrantTime {
  readonly #clock: Clock;
  readonly #over: () => void;
  #begun = false;
  #expiresAt: number | undefined;
  /** Monotonic: no clock that is set back makes it longer. */
  #until = Number.POSITIVE_INFINITY;
  #stop = (): void => {};

  /** @param over called when its time is over */
  constructor(clock: Clock, over: () => void) {
    this.#clock = clock;
    this.#over = over;
  }

  /** Milliseconds since 1970 when it ends at the latest; undefined while nothing bounds it. */
  get expiresAt(): number | undefined {
    return this.#expiresAt;
  }

  /** While the machine sleeps no timer runs and the monotonic clock stands still; the clock on the wall goes on. */
  get isOver(): boolean {
    return this.#until <= this.#clock.monotonic() || (this.#expiresAt ?? Infinity) <= this.#clock.now();
  }

  /** It begins, for so many milliseconds. The first word counts. */
  begin(ms: number): void {
    if (this.#begun) return;
    this.#begun = true;
    this.endWithin(ms);
  }

  /** It ends in so many milliseconds, or before. */
  endWithin(ms: number): void {
    const left = Math.min(ms, this.#until - this.#clock.monotonic());
    this.#stop();
    this.#expiresAt = this.#clock.now() + left;
    this.#until = this.#clock.monotonic() + left;
    this.#stop = this.#clock.after(left, this.#over);
  }

  stop(): void {
    this.#stop();
  }
}
