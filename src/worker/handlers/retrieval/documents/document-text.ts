// A document as it came, as text that can be cut.
import type { Document } from '../../../../../gen/bowline/capability/retrieval/v1/retrieval_pb.ts';
import { AppError } from '../../../../base/errors.ts';
import { type DocumentParser, MAX_CHARS } from '../../../documents/document.ts';
import { isBinary } from '../../../documents/is-binary.ts';
import { limitText } from '../../../documents/limit-text.ts';
import type { ReadableText } from '../passages/passage.ts';
import { decodeText } from './decode-text.ts';
import { type Kind, MEDIA_TYPES, textTypeOf } from './text-type.ts';

export interface ReadDocument extends ReadableText {
  readonly mediaType: string;
  /** What is missing of its text and why; empty when nothing is known to be. */
  readonly warning: string;
}

/** Throws DOCUMENT_UNREADABLE, and what the parser throws for this document. `owner`: the tenant. */
export async function textOfDocument(
  document: Document,
  owner: string,
  parser: DocumentParser,
  signal: AbortSignal,
): Promise<ReadDocument> {
  const { body, title, id } = document;
  const bytes = body.case === 'data' ? body.value : undefined;
  const begin = bytes ? Buffer.from(bytes.subarray(0, 1024)).toString('latin1') : String(body.value).slice(0, 1024);
  const { kind, name, charset } = textTypeOf(document.mediaType, id, begin);
  const isText = kind === 'text' || kind === 'markdown';
  // The signs of RTF are no text: the parser says what it is.
  if (isText && !begin.startsWith('{\\rtf')) {
    const text = bytes ? decodeText(bytes, charset) : String(body.value);
    if (text !== undefined) return { ...asText(text, kind), title, mediaType: name };
  }
  const parsed = await parser.parse(
    {
      // A PDF may be pure ASCII and then comes as text: its bytes are the same.
      bytes: bytes ?? Buffer.from(String(body.value)),
      mediaType: PARSED_AS[kind],
      charset: bytes ? charset || undefined : 'utf-8',
      sureCharset: isText,
      readable: false,
      maxChars: MAX_CHARS,
      owner,
    },
    signal,
  );
  // A part of it would be taken for the whole.
  if (parsed.truncated) throw unreadable(limitText(parsed.limit, MAX_CHARS));
  if (isText) return { ...asText(parsed.text, kind), title, mediaType: name, warning: parsed.warning };
  return {
    text: parsed.text,
    format: kind === 'pdf' ? 'text' : 'markdown',
    title: title || parsed.title,
    lines: false,
    pages: kind === 'pdf' ? parsed.pages.map(({ offset }) => offset) : [],
    mediaType: name,
    warning: parsed.warning,
  };
}

const PARSED_AS: Readonly<Record<Kind, string>> = { ...MEDIA_TYPES, markdown: MEDIA_TYPES.text };

/** Throws DOCUMENT_UNREADABLE. */
function asText(text: string, format: 'text' | 'markdown') {
  if (isBinary(text)) throw unreadable('it is not text');
  return { text, format, lines: true, pages: [], warning: '' };
}

const unreadable = (problem: string) => new AppError('DOCUMENT_UNREADABLE', { problem });
