// Pings one peer each interval and notices when it has been silent for two of them. Time in which this process itself could not
// listen is no silence of the peer.
import type { Clock } from '../../base/clock.ts';

export interface HeartbeatParts {
  readonly clock: Clock;
  readonly intervalMs: number;
  /** Pings at the beginning, too, not only after the first interval. */
  readonly atOnce?: boolean;
  readonly ping: (nonce: bigint) => void;
  /** Nothing was heard for two intervals. Called once, and nothing after it. */
  readonly silent: (ms: number) => void;
}

export class Heartbeat {
  readonly #parts: HeartbeatParts;
  #heard: number;
  #pinged: number;
  #nonce = 0n;
  #stopped = false;
  #stop: () => void = () => {};

  constructor(parts: HeartbeatParts) {
    this.#parts = parts;
    this.#heard = parts.clock.monotonic();
    this.#pinged = this.#heard;
    if (parts.atOnce) this.#ping(this.#heard);
    this.#next();
  }

  /** Any frame counts. */
  heard(): void {
    this.#heard = this.#parts.clock.monotonic();
  }

  /** For good; also from within `ping`. */
  stop(): void {
    this.#stopped = true;
    this.#stop();
  }

  /** Wakes for the next ping, or earlier when two intervals of silence are over before it. */
  #next(): void {
    if (this.#stopped) return;
    const { clock, intervalMs } = this.#parts;
    const now = clock.monotonic();
    const wait = Math.max(Math.min(this.#pinged + intervalMs, this.#heard + 2 * intervalMs) - now, 1);
    this.#stop = clock.after(wait, () => this.#beat(clock.monotonic() - now - wait));
  }

  /** @param lateMs how much too late the timer comes: as long as this process could not listen either */
  #beat(lateMs: number): void {
    const { clock, intervalMs, silent } = this.#parts;
    const now = clock.monotonic();
    if (lateMs > intervalMs / 4) this.#heard = Math.min(this.#heard + lateMs, now);
    if (now - this.#heard >= 2 * intervalMs) {
      this.#stopped = true;
      silent(Math.round(now - this.#heard));
      return;
    }
    if (now - this.#pinged >= intervalMs) this.#ping(now);
    this.#next();
  }

  #ping(now: number): void {
    this.#pinged = now;
    this.#nonce += 1n;
    this.#parts.ping(this.#nonce);
  }
}
