// How much content may still leave today. What is taken is counted at once, before it is journaled, so that calls side by side never
// take the same bytes; what the journal tells is counted at the start.
import { DAYS_KEPT, dayOf, nextDay } from '../time/local-day.ts';

export interface DayCapParts {
  /** Bytes by day, as the journal tells them now. */
  readonly left: ReadonlyMap<number, number>;
  /** Milliseconds since 1970, by the time of the journal. */
  readonly now: () => number;
  /** Most bytes of one day. */
  readonly limit: () => number;
}

export interface UsedToday {
  readonly bytes: number;
  readonly limit: number;
  /** When the next day begins, in milliseconds since 1970. */
  readonly until: number;
}

export class DayCap {
  readonly #days: Map<number, number>;
  readonly #now: () => number;
  readonly #limit: () => number;

  constructor({ left, now, limit }: DayCapParts) {
    this.#days = new Map(left);
    this.#now = now;
    this.#limit = limit;
  }

  /**
   * Counts bytes that are about to leave. Undefined when they do not fit: then nothing is counted, and none of them may leave. Else
   * what to call when they did not leave after all.
   */
  take(bytes: number): (() => void) | undefined {
    const today = dayOf(this.#now());
    if (this.#used(today) + bytes > this.#limit()) return undefined;
    for (const day of this.#days.keys()) if (day < today - DAYS_KEPT) this.#days.delete(day);
    this.#add(today, bytes);
    return () => this.#add(today, -bytes);
  }

  get use(): UsedToday {
    const now = this.#now();
    return { bytes: this.#used(dayOf(now)), limit: this.#limit(), until: nextDay(now) };
  }

  #add(day: number, bytes: number): void {
    this.#days.set(day, (this.#days.get(day) ?? 0) + bytes);
  }

  /** Later days count, too: after the clock was set back a day does not begin anew. */
  #used(today: number): number {
    let sum = 0;
    for (const [day, bytes] of this.#days) if (day >= today) sum += bytes;
    return sum;
  }
}
