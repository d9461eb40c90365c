// A document as it came, as text that can be cut.
import type { Document } from '../../../../../gen/bowline/capability/retrieval/v1/retrieval_pb.ts';
import { AppError } from '../../../../base/errors.ts';
import { type DocumentParser, MAX_CHARS } from '../../../documents/document.ts';
import type { ReadableText } from '../passages/passage.ts';
import { decodeText } from './decode-text.ts';
import { mediaTypeOf } from './media-type.ts';

export interface ReadDocument extends ReadableText {
  readonly mediaType: string;
}

/** Throws DOCUMENT_UNREADABLE, and what the parser throws for this document. `owner`: the tenant. */
export async function readDocument(
  document: Document,
  owner: string,
  parser: DocumentParser,
  signal: AbortSignal,
): Promise<ReadDocument> {
  const { body, title, id } = document;
  const bytes = body.case === 'data' ? body.value : undefined;
  const begin = bytes ? Buffer.from(bytes.subarray(0, 1024)).toString('latin1') : String(body.value).slice(0, 1024);
  const { kind, name, charset } = mediaTypeOf(document.mediaType, id, begin);
  if (kind === 'text' || kind === 'markdown') {
    const text = bytes ? decodeText(bytes, charset) : String(body.value);
    if (isBinary(text)) throw unreadable('it is not text');
    return { text, format: kind, title, lines: true, pages: [], mediaType: name };
  }
  if (kind === 'pdf' && !bytes) throw unreadable('a PDF is given as data, not as text');
  const input = {
    bytes: bytes ?? Buffer.from(String(body.value)),
    mediaType: kind === 'pdf' ? 'application/pdf' : 'text/html',
    charset: bytes ? charset || undefined : 'utf-8',
    readable: false,
    maxChars: MAX_CHARS,
    owner,
  };
  const parsed = await parser.parse(input, signal);
  // A part of it would be taken for the whole.
  if (parsed.truncated) throw unreadable(`it has more text than is read of one document (${MAX_CHARS} characters)`);
  return {
    text: parsed.text,
    format: kind === 'html' ? 'markdown' : 'text',
    title: title || parsed.title,
    lines: false,
    pages: kind === 'pdf' ? parsed.pages.map(({ offset }) => offset) : [],
    mediaType: name,
  };
}

const unreadable = (problem: string) => new AppError('DOCUMENT_UNREADABLE', { problem });

/** Whether it holds many characters that no text has. */
function isBinary(text: string): boolean {
  const begin = text.slice(0, 4096);
  let odd = 0;
  for (const letter of begin) if (letter < ' ' && !'\t\n\v\f\r\u001b'.includes(letter)) odd++;
  return odd * 20 > begin.length;
}
