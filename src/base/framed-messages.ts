// Messages on a pipe between two processes of ours: length, then JSON, then bytes. Pure.

/** Two numbers of 32 bits: length of the JSON, length of the bytes after it. */
const HEAD = 8;

export function encodeFramed(json: unknown, bytes: Uint8Array = new Uint8Array()): Uint8Array {
  const text = Buffer.from(JSON.stringify(json));
  const head = Buffer.alloc(HEAD);
  head.writeUInt32LE(text.length, 0);
  head.writeUInt32LE(bytes.length, 4);
  return Buffer.concat([head, text, bytes]);
}

export interface FramedMessage {
  readonly json: unknown;
  readonly bytes: Uint8Array;
}

/** Puts messages together again from pieces of a stream. */
export class FramedReader {
  readonly #limit: number;
  #pieces: Buffer[] = [];
  #size = 0;

  /** @param limit bytes of one message */
  constructor(limit: number) {
    this.#limit = limit;
  }

  /** The messages that this piece completes; undefined when one is too long or is not JSON: then nothing more can be read. */
  add(piece: Buffer): readonly FramedMessage[] | undefined {
    this.#pieces.push(piece);
    this.#size += piece.length;
    const messages: FramedMessage[] = [];
    for (;;) {
      if (this.#size < HEAD) return messages;
      if (this.#pieces[0]!.length < HEAD) this.#pieces = [Buffer.concat(this.#pieces)];
      const [text, bytes] = [this.#pieces[0]!.readUInt32LE(0), this.#pieces[0]!.readUInt32LE(4)];
      const size = HEAD + text + bytes;
      if (size > this.#limit) return undefined;
      if (this.#size < size) return messages;
      const all = Buffer.concat(this.#pieces);
      this.#pieces = [all.subarray(size)];
      this.#size = all.length - size;
      try {
        messages.push({
          json: JSON.parse(all.toString('utf8', HEAD, HEAD + text)),
          bytes: all.subarray(HEAD + text, size),
        });
      } catch {
        return undefined;
      }
    }
  }
}
