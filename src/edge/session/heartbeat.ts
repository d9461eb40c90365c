// The heartbeat of one session: pings, and notices when the control plane is silent.
import { create } from '@bufbuild/protobuf';
import { PingSchema } from '../../../gen/bowline/common/v1/common_pb.ts';
import type { Clock } from '../../base/clock.ts';
import type { FrameBody } from './outbox.ts';

export interface HeartbeatParts {
  readonly clock: Clock;
  readonly send: (frame: FrameBody) => void;
  /** Nothing came for two intervals; it is the last beat. */
  readonly silent: (ms: number) => void;
}

export class Heartbeat {
  readonly #parts: HeartbeatParts;
  #everyMs = 0;
  #lastReceived = 0;
  #beats = 0;
  #stopBeat = () => {};
  #stopped = false;

  constructor(parts: HeartbeatParts) {
    this.#parts = parts;
  }

  /** A frame came. */
  received(): void {
    this.#lastReceived = this.#parts.clock.monotonic();
  }

  /** The session began: beats at once, then at this interval. */
  start(everyMs: number): void {
    this.#everyMs = everyMs;
    this.received();
    this.#beat();
  }

  stop(): void {
    this.#stopped = true;
    this.#stopBeat();
  }

  #beat(): void {
    const { clock, send } = this.#parts;
    if (this.#stopped) return;
    const silent = clock.monotonic() - this.#lastReceived;
    const allowed = 2 * this.#everyMs;
    if (silent >= allowed) {
      this.#parts.silent(Math.round(silent));
      return;
    }
    send({ case: 'ping', value: create(PingSchema, { nonce: BigInt(++this.#beats) }) });
    this.#stopBeat = clock.after(Math.min(this.#everyMs, allowed - silent), () => this.#beat());
  }
}
