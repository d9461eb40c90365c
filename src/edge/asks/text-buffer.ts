// The bytes of one streamed text. Positions are UTF-8 byte offsets; appended pieces never split a code point.

/** Grows by doubling up to a limit; reading from any piece boundary is cheap. */
export class TextBuffer {
  readonly #limit: number;
  #bytes = Buffer.alloc(0);
  #length = 0;

  /** @param limit most bytes that are kept */
  constructor(limit: number) {
    this.#limit = limit;
  }

  get length(): number {
    return this.#length;
  }

  /** Adds a piece; false when it does not fit, and nothing of it is kept. */
  append(text: string): boolean {
    const size = Buffer.byteLength(text);
    const end = this.#length + size;
    if (end > this.#limit) return false;
    if (end > this.#bytes.length) {
      const grown = Buffer.alloc(Math.min(this.#limit, Math.max(end, this.#bytes.length * 2, 1024)));
      this.#bytes.copy(grown, 0, 0, this.#length);
      this.#bytes = grown;
    }
    this.#bytes.write(text, this.#length);
    this.#length = end;
    return true;
  }

  /** The text from a byte offset on. */
  from(offset: number): string {
    return this.#bytes.toString('utf8', offset, this.#length);
  }
}
