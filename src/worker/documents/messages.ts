// What a worker and the process that reads a document say to each other: length, then JSON, then bytes. The worker believes nothing
// of what comes back: its size and its shape are judged.
import * as v from 'valibot';
import { type DocumentInput, MAX_CHARS, MAX_LINKS, MAX_PAGES, MAX_URL, MAX_WORDS } from './document.ts';
import type { ReadResult } from './read-document.ts';

/** Two numbers of 32 bits: length of the JSON, length of the bytes after it. */
const HEAD = 8;

const short = v.pipe(v.string(), v.maxLength(MAX_WORDS));
const link = v.object({ url: v.pipe(v.string(), v.maxLength(MAX_URL)), text: short });
const page = v.object({ number: v.pipe(v.number(), v.integer()), offset: v.pipe(v.number(), v.integer()) });
const answer = v.union([
  v.object({
    document: v.object({
      title: short,
      pages: v.pipe(v.array(page), v.maxLength(MAX_PAGES)),
      links: v.pipe(v.array(link), v.maxLength(MAX_LINKS)),
      canonical: v.pipe(v.string(), v.maxLength(MAX_URL)),
      language: short,
      byline: short,
      siteName: short,
      description: short,
      published: short,
      charset: short,
      completeness: v.pipe(v.number(), v.minValue(0), v.maxValue(1)),
      warning: short,
      limit: v.picklist(['', 'characters', 'pages', 'size']),
      truncated: v.boolean(),
    }),
  }),
  v.object({ refused: v.picklist(['type', 'invalid', 'costly']), problem: short }),
]);

export function encode(json: unknown, bytes: Uint8Array = new Uint8Array()): Uint8Array {
  const text = Buffer.from(JSON.stringify(json));
  const head = Buffer.alloc(HEAD);
  head.writeUInt32LE(text.length, 0);
  head.writeUInt32LE(bytes.length, 4);
  return Buffer.concat([head, text, bytes]);
}

export const encodeInput = ({ bytes, ...about }: DocumentInput): Uint8Array => encode(about, bytes);

export const toInput = ({ json, bytes }: ParserMessage): DocumentInput => ({
  ...(json as Omit<DocumentInput, 'bytes'>),
  bytes,
});

/** The text goes as bytes: whoever reads the answer need not look for the end of a string of megabytes. */
export function encodeResult(result: ReadResult): Uint8Array {
  if (!('document' in result)) return encode(result);
  const { text, ...document } = result.document;
  return encode({ document }, Buffer.from(text));
}

/** Undefined: no answer at all. */
export function toResult({ json, bytes }: ParserMessage): ReadResult | undefined {
  const checked = v.safeParse(answer, json);
  if (!checked.success) return undefined;
  if (!('document' in checked.output)) return checked.output;
  const text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString();
  return text.length > MAX_CHARS ? undefined : { document: { ...checked.output.document, text } };
}

export interface ParserMessage {
  readonly json: unknown;
  readonly bytes: Uint8Array;
}

/** Puts messages together again from pieces of a stream. */
export class Reader {
  readonly #limit: number;
  #pieces: Buffer[] = [];
  #size = 0;

  /** @param limit bytes of one message */
  constructor(limit: number) {
    this.#limit = limit;
  }

  /** The messages that this piece completes; undefined when one is too long or is not JSON: then nothing more can be read. */
  add(piece: Buffer): readonly ParserMessage[] | undefined {
    this.#pieces.push(piece);
    this.#size += piece.length;
    const messages: ParserMessage[] = [];
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
