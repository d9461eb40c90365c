// Pings one peer and notices when it has been silent for two intervals.
import type { Clock } from '../../base/clock.ts';

export class Heartbeat {
  readonly #clock: Clock;
  readonly #intervalMs: number;
  readonly #ping: (nonce: bigint) => void;
  readonly #dead: () => void;
  #heard: number;
  #nonce = 0n;
  #stop: () => void = () => {};

  constructor(parts: { clock: Clock; intervalMs: number; ping: (nonce: bigint) => void; dead: () => void }) {
    this.#clock = parts.clock;
    this.#intervalMs = parts.intervalMs;
    this.#ping = parts.ping;
    this.#dead = parts.dead;
    this.#heard = parts.clock.monotonic();
    this.#next();
  }

  /** Milliseconds (monotonic) when the peer was last heard. */
  get lastHeard(): number {
    return this.#heard;
  }

  /** Any frame counts. */
  heard(): void {
    this.#heard = this.#clock.monotonic();
  }

  stop(): void {
    this.#stop();
  }

  #next(): void {
    this.#stop = this.#clock.after(this.#intervalMs, () => {
      if (this.#clock.monotonic() - this.#heard > 2 * this.#intervalMs) return this.#dead();
      this.#nonce += 1n;
      this.#ping(this.#nonce);
      this.#next();
    });
  }
}
