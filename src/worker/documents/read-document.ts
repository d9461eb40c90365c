// Reads one document, whatever it is. Runs in a process that may be lost: see parser-child.ts.
import { decodeDocument } from './charset.ts';
import type { DocumentInput, ParsedDocument } from './document.ts';
import { type DocumentKind, documentKind, isZip } from './document-kind.ts';
import { isBinary } from './is-binary.ts';
import { EMPTY, textWithin } from './parsed.ts';
import { readEpub } from './read-epub.ts';
import { readHtml } from './read-html.ts';
import { readMail } from './read-mail.ts';
import { readOdt } from './read-odt.ts';
import { mustUnpack } from './unzip.ts';
import { whatItIs } from './what-it-is.ts';

/** What was read, or why not: `type` it is no text but what `problem` says, `invalid` it is damaged or locked, `costly` it met a limit. */
export type ReadResult =
  | { readonly document: ParsedDocument }
  | { readonly refused: 'type' | 'invalid' | 'costly'; readonly problem: string };

const ZIPPED: ReadonlySet<DocumentKind> = new Set(['docx', 'odt', 'epub']);
const NO_TEXT = 'a file of an unknown kind';
const UNSURE =
  'its encoding cannot be told from its bytes; save it as UTF-8, e.g. with: iconv -f ENCODING -t UTF-8 OLD > NEW, where ENCODING is what it was written in (GB18030, WINDOWS-1251)';
const guessedAs = (charset: string): string =>
  `its encoding is not certain; it was read as ${charset}. If letters of it are wrong, save it as UTF-8`;

export async function readDocument(input: DocumentInput): Promise<ReadResult> {
  const { bytes, mediaType, charset: said, maxChars } = input;
  const kind = documentKind(mediaType, bytes);
  if (kind === undefined) return { refused: 'type', problem: (await whatItIs(bytes)) ?? NO_TEXT };
  try {
    if (kind === 'pdf') {
      const { readPdf } = await import('./read-pdf.ts');
      return { document: await readPdf(bytes, maxChars) };
    }
    if (ZIPPED.has(kind) && !isZip(bytes))
      return { refused: 'type', problem: (await whatItIs(bytes)) ?? 'damaged, or of another kind than it is called' };
    if (kind === 'odt') return { document: readOdt(bytes, maxChars) };
    if (kind === 'epub') return { document: readEpub(bytes, maxChars) };
    if (kind === 'mail') return { document: await readMail(bytes, maxChars) };
    if (kind === 'docx') {
      mustUnpack(bytes);
      const { docxHtml } = await import('./read-docx.ts');
      const { html, warning } = await docxHtml(bytes);
      const read = readHtml(html, { ...input, url: input.url, readable: false });
      return { document: { ...read, warning: read.warning || warning } };
    }
    const markup = kind === 'html' || /xml/.test(mediaType);
    const { text, charset, guessed: isGuess, unsure, maybeLatin } = decodeDocument(bytes, said, markup);
    if (isBinary(text)) return { refused: 'type', problem: (await whatItIs(bytes)) ?? NO_TEXT };
    if (unsure && input.sureCharset && !maybeLatin) return { refused: 'invalid', problem: UNSURE };
    const guessed = isGuess && input.sureCharset ? charset : '';
    const warning = guessed === '' ? '' : guessedAs(guessed);
    if (kind === 'html') {
      const read = readHtml(text, { ...input, url: input.url });
      return { document: { ...read, charset, guessed, warning: read.warning || warning } };
    }
    return { document: { ...EMPTY, ...textWithin(text, maxChars), charset, guessed, warning } };
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
