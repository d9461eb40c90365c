// Output of a program on its way to a stream: small pieces are joined, each stream for itself, so that a chatty program costs few
// messages. What waits is bounded by the program's output limit.
import { type Clock, sleep } from '../../../base/clock.ts';

export type StreamName = 'stdout' | 'stderr';

export interface OutputPiece {
  readonly stream: StreamName;
  readonly data: Uint8Array;
}

/** A piece leaves when it has this many bytes or is this old. */
const PIECE_BYTES = 32 << 10;
const PIECE_MS = 25;

export class OutputPieces implements AsyncIterable<OutputPiece> {
  readonly #clock: Clock;
  readonly #waiting: Record<StreamName, Uint8Array[]> = { stdout: [], stderr: [] };
  readonly #full = new AbortController();
  #bytes = 0;
  #ended = false;
  #wake: () => void = () => {};

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  add(stream: StreamName, data: Uint8Array): void {
    this.#waiting[stream].push(data);
    this.#bytes += data.length;
    this.#wake();
  }

  /** Nothing more comes. */
  end(): void {
    this.#ended = true;
    this.#full.abort();
    this.#wake();
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<OutputPiece> {
    for (;;) {
      while (this.#bytes === 0 && !this.#ended) await this.#something();
      if (this.#bytes === 0) return;
      if (this.#bytes < PIECE_BYTES) await sleep(this.#clock, PIECE_MS, this.#full.signal);
      this.#bytes = 0;
      for (const stream of ['stdout', 'stderr'] as const) {
        const data = Buffer.concat(this.#waiting[stream].splice(0));
        if (data.length > 0) yield { stream, data };
      }
    }
  }

  #something(): Promise<void> {
    return new Promise((resolve) => {
      this.#wake = resolve;
    });
  }
}
