// A text that comes in pieces, each with the byte offset in UTF-8 at which it begins: as far as it came without a gap, never cut inside a
// code point. What is missing is what follows its last byte.

/** What became of a piece: `old` is known already, before a `gap` something is missing, and what is `full` keeps no more. */
export type Received = 'added' | 'old' | 'gap' | 'full';

export interface TextPiece {
  readonly offset: number;
  readonly text: string;
}

const FIRST_BYTES = 512;

/** Grows by doubling up to its limit; reading from any offset is cheap. */
export class OffsetText {
  readonly #limit: number;
  #buffer = NONE;
  #bytes = 0;
  /** The last piece as it was given: most readers have all before it. */
  #lastOffset = 0;
  #last = '';

  /** @param limit most bytes that are kept */
  constructor(limit = Number.POSITIVE_INFINITY) {
    this.#limit = limit;
  }

  /** Length so far in UTF-8 bytes. */
  get bytes(): number {
    return this.#bytes;
  }

  /** Adds at the end; false when it does not fit, and nothing of it is kept. */
  append(text: string): boolean {
    const end = this.#bytes + Buffer.byteLength(text);
    if (end > this.#limit) return false;
    if (end > this.#buffer.length) this.#grow(end);
    this.#buffer.write(text, this.#bytes);
    this.#lastOffset = this.#bytes;
    this.#last = text;
    this.#bytes = end;
    return true;
  }

  /** Takes a piece as it came: what of it is known already is skipped. */
  receive(offset: number, text: string): Received {
    const known = this.#bytes - offset;
    if (known < 0) return 'gap';
    if (known === 0) return text === '' ? 'old' : this.append(text) ? 'added' : 'full';
    const piece = Buffer.from(text);
    if (known >= piece.length) return 'old';
    return this.append(piece.toString('utf8', boundary(piece, known, piece.length))) ? 'added' : 'full';
  }

  /** The beginning of the code point that follows `offset`, or `offset` itself where one begins or nothing is yet. */
  align(offset: number): number {
    if (offset <= 0) return 0;
    return offset >= this.#bytes ? offset : boundary(this.#buffer, offset, this.#bytes);
  }

  /** The text from a byte offset on: whole code points, at least one where there is any, and at most about `maxBytes`. */
  from(offset: number, maxBytes = Number.POSITIVE_INFINITY): string {
    if (offset === this.#lastOffset && this.#bytes - offset <= maxBytes) return this.#last;
    const start = this.align(offset);
    if (start >= this.#bytes) return '';
    const end = start + maxBytes >= this.#bytes ? this.#bytes : boundary(this.#buffer, start + maxBytes, this.#bytes);
    return this.#buffer.toString('utf8', start, end);
  }

  /** The text from a byte offset on, in pieces of about `maxBytes`. */
  *pieces(offset: number, maxBytes: number): Generator<TextPiece> {
    for (let at = this.align(offset); at < this.#bytes; ) {
      const text = this.from(at, maxBytes);
      yield { offset: at, text };
      at += Buffer.byteLength(text);
    }
  }

  /** Adds at the end, and gives what was added in pieces of about `maxBytes`. */
  appended(text: string, maxBytes: number): Iterable<TextPiece> {
    const offset = this.#bytes;
    this.append(text);
    return this.#bytes - offset <= maxBytes ? [{ offset, text }] : this.pieces(offset, maxBytes);
  }

  #grow(end: number): void {
    const grown = Buffer.allocUnsafeSlow(Math.min(this.#limit, Math.max(end, this.#buffer.length * 2, FIRST_BYTES)));
    this.#buffer.copy(grown, 0, 0, this.#bytes);
    this.#buffer = grown;
  }
}

const NONE = Buffer.alloc(0);

/** The first place from `at` on where a code point begins, or `end`. */
function boundary(bytes: Buffer, at: number, end: number): number {
  let start = at;
  while (start < end && (bytes[start]! & 0xc0) === 0x80) start++;
  return start;
}
