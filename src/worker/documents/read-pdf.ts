// Reads the text of a PDF, page by page, with the offset of each. Pictures are not looked at, nothing in it is executed.
import { getDocumentProxy } from 'unpdf';
import { type DocumentPage, MAX_PAGES, type ParsedDocument } from './document.ts';
import { cut, EMPTY, words } from './parsed.ts';

type Loaded = Awaited<ReturnType<typeof getDocumentProxy>>;

/** Rejects with pdf.js's own error when the file is damaged or locked. */
export async function readPdf(bytes: Uint8Array, maxChars: number): Promise<ParsedDocument> {
  // pdf.js takes no Buffer.
  const pdf = await getDocumentProxy(new Uint8Array(bytes), {
    useSystemFonts: false,
    disableFontFace: true,
    stopAtErrors: false,
    verbosity: 0,
  });
  const pages: DocumentPage[] = [];
  let text = '';
  let number = 0;
  while (number < Math.min(pdf.numPages, MAX_PAGES) && text.length <= maxChars) {
    number++;
    const page = await pdf.getPage(number);
    const { items } = await page.getTextContent();
    if (text) text += '\n\n';
    pages.push({ number, offset: text.length });
    let lines = '';
    for (const item of items) if ('str' in item) lines += item.hasEOL ? `${item.str}\n` : item.str;
    text += lines.trim();
    page.cleanup();
  }
  const shown = cut(text, maxChars);
  return {
    ...EMPTY,
    ...(await aboutOf(pdf)),
    text: shown,
    pages: pages.filter(({ offset }) => offset < shown.length || offset === 0),
    truncated: text.length > maxChars || number < pdf.numPages,
  };
}

async function aboutOf(pdf: Loaded): Promise<Partial<ParsedDocument>> {
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
