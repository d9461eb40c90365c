// Where a place in a text lies in lines and in UTF-8 bytes. Lines end at a line feed, alone or behind a carriage return.

/** Answers for one text. Bytes are asked for in rising order of offsets, which makes them one pass; otherwise it starts again. */
export class Places {
  readonly #text: string;
  readonly #newlines: number[] = [];
  #offset = 0;
  #bytes = 0;

  constructor(text: string) {
    this.#text = text;
    for (let at = text.indexOf('\n'); at >= 0; at = text.indexOf('\n', at + 1)) this.#newlines.push(at);
  }

  /** The line, from 1, of the letter at an offset. */
  line(offset: number): number {
    let low = 0;
    let high = this.#newlines.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.#newlines[middle]! < offset) low = middle + 1;
      else high = middle;
    }
    return low + 1;
  }

  /** How many bytes of UTF-8 stand before an offset. */
  byte(offset: number): number {
    if (offset < this.#offset) {
      this.#bytes -= Buffer.byteLength(this.#text.slice(offset, this.#offset));
    } else {
      this.#bytes += Buffer.byteLength(this.#text.slice(this.#offset, offset));
    }
    this.#offset = offset;
    return this.#bytes;
  }
}
