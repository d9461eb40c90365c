// Arrays of texts and of bytes in the binary form in which Postgres takes a parameter. It knows nothing of what they mean.

/** Number of dimensions, whether there are nulls, type, length, first index: four bytes each. */
const HEAD = 20;

abstract class PostgresArray {
  /** Of the elements, as Postgres numbers types. */
  protected abstract readonly type: number;
  protected buffer = Buffer.allocUnsafe(512);
  protected end = HEAD;
  protected length = 0;

  /** The parameter. Nothing may be added afterwards. */
  toParameter(): Buffer {
    this.buffer.writeInt32BE(this.length > 0 ? 1 : 0, 0);
    this.buffer.writeInt32BE(1, 4);
    this.buffer.writeInt32BE(this.type, 8);
    this.buffer.writeInt32BE(this.length, 12);
    this.buffer.writeInt32BE(1, 16);
    // An array without elements has no dimension.
    return this.buffer.subarray(0, this.length > 0 ? this.end : 12);
  }

  /** Makes sure that an element of so many bytes has a place behind its length. */
  protected reserve(size: number): void {
    const needed = this.end + 4 + size;
    if (needed <= this.buffer.length) return;
    const larger = Buffer.allocUnsafe(Math.max(2 * this.buffer.length, needed));
    this.buffer.copy(larger, 0, 0, this.end);
    this.buffer = larger;
  }

  /** Counts an element that was written at `end + 4`; size -1 is null. */
  protected added(size: number): void {
    this.buffer.writeInt32BE(size, this.end);
    this.end += 4 + Math.max(size, 0);
    this.length++;
  }
}

/** `text[]`. NUL and lone surrogates, which text in Postgres cannot hold, are replaced. */
export class TextArray extends PostgresArray {
  protected readonly type = 25;

  add(...values: (string | number | null | undefined)[]): void {
    for (const value of values) {
      if (value === null || value === undefined) {
        this.reserve(0);
        this.added(-1);
        continue;
      }
      const given = String(value);
      const text = given.includes('\0') ? given.replaceAll('\0', '\ufffd') : given;
      // What is short is not measured first.
      this.reserve(text.length < 1000 ? 3 * text.length : Buffer.byteLength(text));
      this.added(this.buffer.write(text, this.end + 4));
    }
  }
}

/** `bytea[]`. */
export class BytesArray extends PostgresArray {
  protected readonly type = 17;

  add(value: Uint8Array): void {
    this.reserve(value.length);
    this.buffer.set(value, this.end + 4);
    this.added(value.length);
  }
}
