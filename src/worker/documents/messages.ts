// What a worker and the process that reads a document say to each other, in framed messages. The worker believes nothing of what
// comes back: its size and its shape are judged.
import * as v from 'valibot';
import { encodeFramed, type FramedMessage } from '../../base/framed-messages.ts';
import { type DocumentInput, MAX_CHARS, MAX_LINKS, MAX_PAGES, MAX_URL, MAX_WORDS } from './document.ts';
import type { ReadResult } from './read-document.ts';

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
      guessed: short,
      completeness: v.pipe(v.number(), v.minValue(0), v.maxValue(1)),
      warning: short,
      limit: v.picklist(['', 'characters', 'pages', 'size']),
      truncated: v.boolean(),
    }),
  }),
  v.object({ refused: v.picklist(['type', 'invalid', 'costly']), problem: short }),
]);

export const encodeInput = ({ bytes, ...about }: DocumentInput): Uint8Array => encodeFramed(about, bytes);

export const toInput = ({ json, bytes }: FramedMessage): DocumentInput => ({
  ...(json as Omit<DocumentInput, 'bytes'>),
  bytes,
});

/** The text goes as bytes: whoever reads the answer need not look for the end of a string of megabytes. */
export function encodeResult(result: ReadResult): Uint8Array {
  if (!('document' in result)) return encodeFramed(result);
  const { text, ...document } = result.document;
  return encodeFramed({ document }, Buffer.from(text));
}

/** Undefined: no answer at all. */
export function toResult({ json, bytes }: FramedMessage): ReadResult | undefined {
  const checked = v.safeParse(answer, json);
  if (!checked.success) return undefined;
  if (!('document' in checked.output)) return checked.output;
  const text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString();
  return text.length > MAX_CHARS ? undefined : { document: { ...checked.output.document, text } };
}
