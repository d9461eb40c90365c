// Output of a program on its way to a stream: small pieces are joined, so that a chatty program costs few messages. What waits is bounded by
// the limit of the program's output, which its caller keeps.
import type { Clock } from './clock.ts';

export type StreamName = 'stdout' | 'stderr';

export interface OutputPiece {
  readonly stream: StreamName;
  readonly data: Uint8Array;
}

export interface JoinRules {
  /** How long a piece may wait for more, in milliseconds. */
  readonly waitMs: number;
  /** Whether the order between the two streams is kept. Else each stream is joined for itself, into fewer pieces. */
  readonly inOrder: boolean;
}

/** A piece that has this many bytes grows no further, and waits for nothing. */
const PIECE_BYTES = 32 << 10;

interface Waiting {
  readonly stream: StreamName;
  readonly parts: Uint8Array[];
  bytes: number;
}

/** Read by one reader. */
export class OutputPieces implements AsyncIterable<OutputPiece> {
  readonly #clock: Clock;
  readonly #rules: JoinRules;
  #waiting: Waiting[] = [];
  #ended = false;
  #wake: () => void = () => {};
  #hurry: () => void = () => {};

  constructor(clock: Clock, rules: JoinRules) {
    this.#clock = clock;
    this.#rules = rules;
  }

  add(stream: StreamName, data: Uint8Array): void {
    if (data.length === 0) return;
    const piece = this.#growing(stream);
    piece.parts.push(data);
    piece.bytes += data.length;
    this.#wake();
    if (piece.bytes >= PIECE_BYTES) this.#hurry();
  }

  /** Nothing more comes. */
  end(): void {
    this.#ended = true;
    this.#hurry();
    this.#wake();
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<OutputPiece> {
    for (;;) {
      while (this.#waiting.length === 0 && !this.#ended) await this.#something();
      if (this.#waiting.length === 0) return;
      if (!this.#ended && this.#waiting.every(({ bytes }) => bytes < PIECE_BYTES)) await this.#more();
      const pieces = this.#waiting;
      this.#waiting = [];
      for (const { stream, parts } of pieces) yield { stream, data: Buffer.concat(parts) };
    }
  }

  #growing(stream: StreamName): Waiting {
    const last = this.#rules.inOrder
      ? this.#waiting.at(-1)
      : this.#waiting.findLast((piece) => piece.stream === stream);
    if (last?.stream === stream && last.bytes < PIECE_BYTES) return last;
    const piece = { stream, parts: [], bytes: 0 };
    this.#waiting.push(piece);
    return piece;
  }

  #something(): Promise<void> {
    return new Promise((resolve) => {
      this.#wake = resolve;
    });
  }

  #more(): Promise<void> {
    return new Promise((resolve) => {
      const stopTimer = this.#clock.after(this.#rules.waitMs, resolve);
      this.#hurry = () => {
        stopTimer();
        resolve();
      };
    });
  }
}
