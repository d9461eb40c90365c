// Reads documents for an edge, which has no room for this itself: one request after the other from a stream, an answer for each.
// The edge believes these answers, so nothing of a document is looked at here: its child does that.
import { createHash } from 'node:crypto';
import { LRUCache } from 'lru-cache';
import { AppError } from '../../base/errors.ts';
import { encodeFramed, type FramedMessage, FramedReader } from '../../base/framed-messages.ts';
import { type DocumentPage, type DocumentParser, MAX_BYTES } from './document.ts';
import { limitText } from './limit-text.ts';

/** What an edge wants of a document; its bytes follow. */
interface Wanted {
  readonly mediaType: string;
  readonly maxChars: number;
}

/** Texts that are kept, because a search is followed by a read of the same file. */
const KEPT_BYTES = 16 << 20;
const KEPT_MS = 60_000;

const NEVER = new AbortController().signal;

/** Resolves when the stream ends, or says what cannot be understood. @param open the parser, for the first document */
export async function serveDocuments(
  requests: AsyncIterable<Uint8Array>,
  answer: (message: Uint8Array) => void,
  open: () => Promise<DocumentParser>,
): Promise<void> {
  const reader = new FramedReader(MAX_BYTES + 65_536);
  const kept = new LRUCache<string, Uint8Array>({
    maxSize: KEPT_BYTES,
    sizeCalculation: ({ length }) => length,
    ttl: KEPT_MS,
  });
  let parser: DocumentParser | undefined;
  try {
    for await (const piece of requests) {
      const messages = reader.add(Buffer.from(piece));
      if (!messages) return;
      for (const message of messages) {
        const key = keyOf(message);
        try {
          parser ??= await open();
          const text = kept.get(key) ?? (await textOf(parser, message));
          kept.set(key, text);
          answer(text);
        } catch (error) {
          answer(refusalOf(error));
        }
      }
    }
  } finally {
    await parser?.close();
  }
}

const keyOf = ({ json, bytes }: FramedMessage): string =>
  createHash('sha256').update(JSON.stringify(json)).update(bytes).digest('hex');

async function textOf(parser: DocumentParser, { json, bytes }: FramedMessage): Promise<Uint8Array> {
  const { mediaType, maxChars } = json as Wanted;
  const document = await parser.parse(
    { bytes, mediaType, maxChars, sureCharset: true, readable: false, owner: '' },
    NEVER,
  );
  const { text, pages, guessed, limit, truncated } = document;
  // That it is a guess is told apart, in the language of who asks.
  const warning = guessed === '' ? document.warning : '';
  // A part of it would be taken for the whole.
  if (truncated) throw new AppError('DOCUMENT_TOO_COSTLY', { problem: limitText(limit, maxChars) });
  // Text without letters is an empty file.
  const isEmptyText = mediaType === '' && document.charset !== '' && guessed === '';
  if (text.trim() === '' && !isEmptyText)
    throw warning
      ? new AppError('DOCUMENT_INVALID', { problem: warning })
      : new AppError('DOCUMENT_NOT_TEXT', { what: 'a document without text' });
  return encodeFramed({ pageLines: linesAt(text, pages), warning, guessed }, Buffer.from(text));
}

/** The line, from 1, on which each page begins. */
function linesAt(text: string, pages: readonly DocumentPage[]): number[] {
  const lines: number[] = [];
  let line = 1;
  let at = 0;
  for (const { offset } of pages) {
    for (; at < offset; at++) if (text.charCodeAt(at) === 10) line++;
    lines.push(line);
  }
  return lines;
}

function refusalOf(error: unknown): Uint8Array {
  if (!(error instanceof AppError)) return encodeFramed({ reason: 'INTERNAL', metadata: {} });
  return encodeFramed({ reason: error.reason, metadata: error.metadata });
}
