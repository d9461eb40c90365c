// The time of the database on this replica: the machine's own clock, and by how much it differs. Whatever is judged by time across
// replicas (calls, leases, timers, expiries) is judged by this one, so that a replica whose clock is wrong does no harm.
import type { Clock } from '../../base/clock.ts';
import { every } from '../../base/every.ts';
import type { Logger } from '../../base/logger.ts';

/** The database's time in milliseconds since 1970. */
export const DATABASE_TIME = 'select (extract(epoch from clock_timestamp()) * 1000)::float8 as ms';

/** Between two measures. */
const EVERY_MS = 10_000;
/** A smaller difference is left alone: time must not jitter for the sake of a round trip. */
const IGNORED_MS = 250;
/** An answer that took longer says too little. */
const SLOWEST_MS = 5_000;
/** A difference that is worth a line in the log. */
const TOLD_MS = 2_000;

export interface ClockFigures {
  /** Milliseconds by which the machine's clock is ahead of the database's; negative when it is behind. */
  readonly aheadMs: number;
  /** The true difference is at most so far from it, in milliseconds. */
  readonly within: number;
}

export class DatabaseClock implements Clock {
  readonly #own: Clock;
  #measured: ClockFigures = { aheadMs: 0, within: 0 };
  #correction = 0;

  constructor(own: Clock) {
    this.#own = own;
  }

  now(): number {
    return this.#own.now() - this.#correction;
  }

  monotonic(): number {
    return this.#own.monotonic();
  }

  after(ms: number, run: () => void): () => void {
    return this.#own.after(ms, run);
  }

  /** The last measure. */
  get figures(): ClockFigures {
    return this.#measured;
  }

  /** Asks the database once. Rejects as `ask` does, and keeps what was measured before then. */
  async measure(ask: () => Promise<number>): Promise<void> {
    const [began, from] = [this.#own.monotonic(), this.#own.now()];
    const theirs = await ask();
    const took = this.#own.monotonic() - began;
    if (!Number.isFinite(theirs) || took > SLOWEST_MS) return;
    const aheadMs = from + took / 2 - theirs;
    this.#measured = { aheadMs, within: took / 2 };
    if (Math.abs(aheadMs - this.#correction) <= took / 2 + IGNORED_MS) return;
    this.#correction = Math.abs(aheadMs) <= took / 2 + IGNORED_MS ? 0 : Math.round(aheadMs);
  }

  /** Measures again and again; returns how to stop. */
  follow(ask: () => Promise<number>, log: Logger): () => void {
    let told = 0;
    const tell = () => {
      const { aheadMs } = this.#measured;
      if (Math.abs(aheadMs - told) < TOLD_MS) return;
      told = aheadMs;
      log.warn("the clock of this machine differs from the database's, whose time is used; set it right", {
        aheadMs: Math.round(aheadMs),
      });
    };
    tell();
    return every(
      this.#own,
      EVERY_MS,
      () => this.measure(ask).then(tell),
      () => {},
    );
  }
}
