// Sessions that end again and again: each alone is soon over, and together they are a fault that its owner should know. Pure.

/** How long an end counts. */
const WINDOW_MS = 60_000;
/** So many within that time are no chance. */
const MOST = 3;

export class Flaps {
  #ends: number[] = [];

  /** A session that stood was lost. @param now milliseconds of a clock that only goes on */
  ended(now: number): void {
    this.#ends = [...this.#ends.slice(-99), now];
  }

  /** How many were lost within the last minute, where these are too many; else undefined. */
  count(now: number): number | undefined {
    const count = this.#ends.filter((at) => now - at < WINDOW_MS).length;
    return count >= MOST ? count : undefined;
  }
}
