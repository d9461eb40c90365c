// A document as it came, as text that can be cut.
import type { Document } from '../../../../../gen/bowline/capability/retrieval/v1/retrieval_pb.ts';
import { AppError } from '../../../../base/errors.ts';
import type { ReadableText } from '../passages/passage.ts';
import { decodeText } from './decode-text.ts';
import type { DocumentParser } from './document-parser.ts';
import { mediaTypeOf } from './media-type.ts';

export interface ReadDocument extends ReadableText {
  readonly mediaType: string;
}

/** Throws DOCUMENT_UNREADABLE. */
export async function readDocument(
  document: Document,
  parser: DocumentParser,
  signal: AbortSignal,
): Promise<ReadDocument> {
  const { body, title } = document;
  const begin =
    body.case === 'text'
      ? body.value.slice(0, 1024)
      : Buffer.from((body.value ?? []).slice(0, 1024)).toString('latin1');
  const { kind, name, charset } = mediaTypeOf(document.mediaType, document.id, begin);
  const plain = { title, mediaType: name, lines: true, pages: [] };
  if (kind === 'pdf') {
    if (body.case !== 'data')
      throw new AppError('DOCUMENT_UNREADABLE', { problem: 'a PDF is given as data, not as text' });
    const parsed = await parser.pdf(body.value, signal);
    return { ...plain, ...paged(parsed.pages), format: 'text', title: title || parsed.title, lines: false };
  }
  const text = body.case === 'data' ? decodeText(body.value, charset) : (body.value ?? '');
  if (kind === 'html') {
    const parsed = await parser.html(text, signal);
    return { ...plain, text: parsed.markdown, format: 'markdown', title: title || parsed.title, lines: false };
  }
  if (isBinary(text)) throw new AppError('DOCUMENT_UNREADABLE', { problem: 'it is not text' });
  return { ...plain, text, format: kind };
}

/** Many characters that no text has. */
function isBinary(text: string): boolean {
  const begin = text.slice(0, 4096);
  let odd = 0;
  for (const letter of begin) if (letter < ' ' && !'\t\n\v\f\r\u001b'.includes(letter)) odd++;
  return odd * 20 > begin.length;
}

function paged(pages: readonly string[]): { text: string; pages: number[] } {
  const starts: number[] = [];
  let text = '';
  for (const page of pages) {
    starts.push(text.length);
    text += `${page}\n\n`;
  }
  return { text, pages: starts };
}
