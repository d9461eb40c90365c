// Joins small pieces of output into larger ones, in order, so that a chatty command does not cost a record for each line.
import type { Clock } from '../../../base/clock.ts';

export type Stream = 'stdout' | 'stderr';

/** A piece leaves when it has this many bytes or is this old. */
const PIECE_BYTES = 32 << 10;
const PIECE_MS = 50;

export class OutputPieces {
  readonly #clock: Clock;
  readonly #send: (stream: Stream, data: Uint8Array) => Promise<void>;
  #stream: Stream = 'stdout';
  #waiting: Uint8Array[] = [];
  #bytes = 0;
  #stopTimer: (() => void) | undefined;
  #sending: Promise<void> = Promise.resolve();

  constructor(clock: Clock, send: (stream: Stream, data: Uint8Array) => Promise<void>) {
    this.#clock = clock;
    this.#send = send;
  }

  /** What is added is bounded by the caller; it waits in memory until it was sent. */
  add(stream: Stream, data: Uint8Array): void {
    if (stream !== this.#stream) this.#flush();
    this.#stream = stream;
    this.#waiting.push(data);
    this.#bytes += data.length;
    if (this.#bytes >= PIECE_BYTES) this.#flush();
    else this.#stopTimer ??= this.#clock.after(PIECE_MS, () => this.#flush());
  }

  /** Sends what waits. Rejects when a piece could not be sent. */
  async end(): Promise<void> {
    this.#flush();
    await this.#sending;
  }

  #flush(): void {
    this.#stopTimer?.();
    this.#stopTimer = undefined;
    if (this.#bytes === 0) return;
    const data = Buffer.concat(this.#waiting);
    const stream = this.#stream;
    this.#waiting = [];
    this.#bytes = 0;
    this.#sending = this.#sending.then(() => this.#send(stream, data));
    // Told by `end`; until then nobody waits.
    this.#sending.catch(() => {});
  }
}
