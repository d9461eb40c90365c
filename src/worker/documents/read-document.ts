// Reads one document, whatever it is. Runs in a process that may be lost: see parser-child.ts.
import { decodeDocument } from './charset.ts';
import type { DocumentInput, ParsedDocument } from './document.ts';
import { documentKind } from './document-kind.ts';
import { cutText, EMPTY } from './parsed.ts';
import { readHtml } from './read-html.ts';

/** What was read, or why not: `type` it is no text, `invalid` it is damaged or locked, `costly` it met a limit. */
export type ReadResult =
  | { readonly document: ParsedDocument }
  | { readonly refused: 'type' | 'invalid' | 'costly'; readonly problem: string };

const UNSURE = 'its charset cannot be told from its bytes; say it in the media type, e.g. text/plain; charset=gb18030';

export async function readDocument(input: DocumentInput): Promise<ReadResult> {
  const { bytes, mediaType, charset: said, maxChars } = input;
  const kind = documentKind(mediaType, bytes);
  if (kind === undefined) return { refused: 'type', problem: 'its bytes are not text' };
  try {
    if (kind === 'pdf') {
      const { readPdf } = await import('./read-pdf.ts');
      return { document: await readPdf(bytes, maxChars) };
    }
    if (kind === 'docx') {
      const { docxHtml } = await import('./read-docx.ts');
      return { document: readHtml(await docxHtml(bytes), { ...input, url: input.url, readable: false }) };
    }
    const markup = kind === 'html' || /xml/.test(mediaType);
    const { text, charset, unsure } = decodeDocument(bytes, said, markup);
    if (unsure && input.sureCharset) return { refused: 'invalid', problem: UNSURE };
    if (kind === 'html') return { document: { ...readHtml(text, { ...input, url: input.url }), charset } };
    const truncated = text.length > maxChars;
    const limit = truncated ? 'characters' : '';
    return { document: { ...EMPTY, text: cutText(text, maxChars), charset, limit, truncated } };
  } catch (error) {
    return refusal(error);
  }
}

function refusal(error: unknown): ReadResult {
  if (error instanceof RangeError) return { refused: 'costly', problem: 'it is nested too deeply or too large' };
  const name = error instanceof Error ? error.name : '';
  if (name === 'PasswordException') return { refused: 'invalid', problem: 'it is locked with a password' };
  return { refused: 'invalid', problem: 'it is damaged' };
}
