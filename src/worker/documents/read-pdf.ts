// Reads the text of a PDF, page by page, with the offset of each, and what was filled in or noted on it. Pictures are not looked at,
// nothing in it is executed.
import { getDocumentProxy } from 'unpdf';
import { type DocumentPage, MAX_PAGES, type ParsedDocument } from './document.ts';
import { joinLines } from './join-lines.ts';
import { cutText, EMPTY, words } from './parsed.ts';
import { pdfData } from './pdf-data.ts';
import { linesOf } from './pdf-lines.ts';
import { notesOf } from './pdf-notes.ts';
import type { Pdf, PdfPage } from './pdf-page.ts';

/** What pdf.js asks its tables of. */
class Tables {
  async fetch({ kind, filename }: { kind: string; filename: string }): Promise<Uint8Array> {
    const found = pdfData(kind, filename);
    if (!found) throw new Error(`there is no ${filename}`);
    return found;
  }
}

/** Rejects with pdf.js's own error when the file is damaged or locked. */
export async function readPdf(bytes: Uint8Array, maxChars: number): Promise<ParsedDocument> {
  // pdf.js takes no Buffer.
  const pdf = await getDocumentProxy(new Uint8Array(bytes), {
    useSystemFonts: false,
    disableFontFace: true,
    stopAtErrors: false,
    verbosity: 0,
    useWorkerFetch: false,
    cMapPacked: true,
    // Pictures larger than this are left out.
    maxImageSize: 0,
    BinaryDataFactory: Tables,
  } as Parameters<typeof getDocumentProxy>[1]);
  const pages: DocumentPage[] = [];
  let text = '';
  let number = 0;
  let empty = 0;
  while (number < Math.min(pdf.numPages, MAX_PAGES) && text.length <= maxChars) {
    number++;
    const page = await pdf.getPage(number);
    if (text) text += '\n\n';
    pages.push({ number, offset: text.length });
    const found = await textOf(page);
    if (found === '') empty++;
    text += found;
    page.cleanup();
  }
  const shown = cutText(text, maxChars);
  const limit = text.length > maxChars ? 'characters' : number < pdf.numPages ? 'pages' : '';
  return {
    ...EMPTY,
    ...(await aboutOf(pdf)),
    text: shown,
    pages: pages.filter(({ offset }) => offset < shown.length || offset === 0),
    limit,
    truncated: limit !== '',
    ...completenessOf(shown, empty, number),
  };
}

async function textOf(page: PdfPage): Promise<string> {
  const { items } = await page.getTextContent();
  const lines = linesOf(items.filter((item) => 'str' in item));
  return [joinLines(lines), ...(await notesOf(page))].filter((part) => part !== '').join('\n');
}

/** Letters that no font explained: fonts without a table give private or replaced ones. */
const UNTOLD = /[\p{Co}\ufffd]/gu;

function completenessOf(text: string, empty: number, pages: number): Pick<ParsedDocument, 'completeness' | 'warning'> {
  const letters = text.replace(/\s+/g, '').length;
  const untold = text.match(UNTOLD)?.length ?? 0;
  const told = letters === 0 ? 1 : 1 - untold / letters;
  const completeness = pages === 0 ? 1 : told * (1 - empty / pages);
  const said = [
    ...(empty > 0 ? [`${empty} of ${pages} pages hold no text; text in pictures is not read`] : []),
    ...(told < 0.95
      ? [`${untold} of ${letters} letters are unknown, because a font does not say what its signs mean`]
      : []),
  ];
  return { completeness, warning: said.join('. ') };
}

async function aboutOf(pdf: Pdf): Promise<Partial<ParsedDocument>> {
  const { info } = await pdf.getMetadata().catch(() => ({ info: {} }));
  const { Title, Author, Subject, CreationDate, Language } = info as Readonly<Record<string, unknown>>;
  return {
    title: words(Title),
    byline: words(Author),
    description: words(Subject),
    language: words(Language, 64),
    published: day(CreationDate),
  };
}

/** `D:20240131...` as 2024-01-31. */
function day(said: unknown): string {
  const found = /^D:(\d{4})(\d\d)?(\d\d)?/.exec(typeof said === 'string' ? said : '');
  return found ? [found[1], found[2] ?? '01', found[3] ?? '01'].join('-') : '';
}
