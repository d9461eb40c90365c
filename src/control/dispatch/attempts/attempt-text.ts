// The text of one attempt, as far as it came: addressed by byte offset in UTF-8, never split inside a code point.

interface Piece {
  readonly offset: number;
  readonly text: string;
  readonly bytes: number;
}

/** UTF-16 units of one piece; at most three bytes each. What reads a text gets it in such steps. */
const PIECE_UNITS = 10_000;

export class AttemptText {
  readonly job: string;
  readonly epoch: number;
  readonly #pieces: Piece[] = [];
  #bytes = 0;

  constructor(job: string, epoch: number) {
    this.job = job;
    this.epoch = epoch;
  }

  /** Length so far in UTF-8 bytes. */
  get bytes(): number {
    return this.#bytes;
  }

  /** Adds at the end and returns the offset where it began. */
  append(text: string): number {
    const offset = this.#bytes;
    for (let at = 0; at < text.length; ) {
      const end = cutAt(text, at + PIECE_UNITS);
      const piece = text.slice(at, end);
      const bytes = Buffer.byteLength(piece);
      this.#pieces.push({ offset: this.#bytes, text: piece, bytes });
      this.#bytes += bytes;
      at = end;
    }
    return offset;
  }

  /** Adds a piece that begins at `offset`; what is known already is skipped. False when there is a gap before it. */
  merge(offset: number, text: string): boolean {
    if (offset > this.#bytes) return false;
    const known = this.#bytes - offset;
    if (known === 0) this.append(text);
    else if (known < Buffer.byteLength(text)) this.append(tail(text, known));
    return true;
  }

  /** The beginning of the code point that follows `offset`, or `offset` itself where one begins or nothing is yet. */
  align(offset: number): number {
    if (offset <= 0) return 0;
    if (offset >= this.#bytes) return offset;
    const piece = this.#pieces[this.#pieceAt(offset)]!;
    return piece.offset + boundary(Buffer.from(piece.text), offset - piece.offset);
  }

  /** The text from a byte offset on, whole pieces until at least one and at most about `maxBytes`. */
  from(offset: number, maxBytes = Number.POSITIVE_INFINITY): string {
    if (offset >= this.#bytes) return '';
    let index = this.#pieceAt(offset);
    const first = this.#pieces[index]!;
    let text = tail(first.text, offset - first.offset);
    let bytes = first.bytes - (offset - first.offset);
    for (index++; index < this.#pieces.length && bytes + this.#pieces[index]!.bytes <= maxBytes; index++) {
      text += this.#pieces[index]!.text;
      bytes += this.#pieces[index]!.bytes;
    }
    return text;
  }

  /** The text from a byte offset on, in pieces of about `maxBytes` with the offset of each. */
  *pieces(offset: number, maxBytes: number): Generator<{ readonly offset: number; readonly text: string }> {
    for (let at = offset; at < this.#bytes; ) {
      const text = this.from(at, maxBytes);
      yield { offset: at, text };
      at += Buffer.byteLength(text);
    }
  }

  #pieceAt(offset: number): number {
    let low = 0;
    let high = this.#pieces.length - 1;
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if (this.#pieces[middle]!.offset <= offset) low = middle;
      else high = middle - 1;
    }
    return low;
  }
}

/** `end`, or one more where that would split a surrogate pair. */
function cutAt(text: string, end: number): number {
  if (end >= text.length) return text.length;
  const unit = text.charCodeAt(end);
  return unit >= 0xdc00 && unit <= 0xdfff ? end + 1 : end;
}

/** What follows the first `bytes` bytes; from inside a code point on, it begins at the next one. */
function tail(text: string, bytes: number): string {
  if (bytes === 0) return text;
  const all = Buffer.from(text);
  return all.subarray(boundary(all, bytes)).toString();
}

function boundary(all: Buffer, bytes: number): number {
  let start = bytes;
  while (start < all.length && (all[start]! & 0xc0) === 0x80) start++;
  return start;
}
