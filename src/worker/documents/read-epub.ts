// Reads an EPUB: its chapters in the order of the book, each as other HTML is read.
import { posix } from 'node:path';
import { Parser } from 'htmlparser2';
import type { ParsedDocument } from './document.ts';
import { EMPTY, textWithin, words } from './parsed.ts';
import { readHtml } from './read-html.ts';
import { LockedDocument, textIn } from './read-odt.ts';
import { unzipParts, utf8 } from './unzip.ts';

interface Package {
  /** Paths in the file, in the order of the book. */
  readonly chapters: readonly string[];
  readonly title: string;
  readonly creator: string;
  readonly language: string;
}

const MAX_CHAPTERS = 2_000;

/** Throws LockedDocument, RangeError for what unpacks to too much, an Error for what is damaged. */
export function readEpub(bytes: Uint8Array, maxChars: number): ParsedDocument {
  const parts = unzipParts(bytes, (name) => /\.(?:xhtml|html|htm|xml|opf)$/i.test(name));
  const opf = attributesOf(utf8(parts.get('META-INF/container.xml')), 'rootfile')[0]?.['full-path'] ?? '';
  const about = packageOf(utf8(parts.get(opf)), posix.dirname(opf));
  if (about.chapters.length === 0) throw new Error('it names no chapter');
  const locked = new Set(
    attributesOf(utf8(parts.get('META-INF/encryption.xml')), 'CipherReference').map(({ URI = '' }) => decoded(URI)),
  );
  let text = '';
  let truncated = about.chapters.length > MAX_CHAPTERS;
  for (const chapter of about.chapters.slice(0, MAX_CHAPTERS)) {
    if (locked.has(chapter)) throw new LockedDocument();
    const source = parts.get(chapter);
    if (!source) continue;
    const read = readHtml(utf8(source), { url: undefined, readable: false, maxChars });
    if (read.text !== '') text += `${text === '' ? '' : '\n\n'}${read.text}`;
    truncated ||= read.truncated || text.length > maxChars;
    if (truncated) break;
  }
  const { title, creator: byline, language } = about;
  return { ...EMPTY, title, byline, language, ...textWithin(text, maxChars, truncated) };
}

function packageOf(opf: string, folder: string): Package {
  const places = new Map(attributesOf(opf, 'item').map(({ id = '', href = '' }) => [id, href]));
  const chapters = attributesOf(opf, 'itemref').flatMap(({ idref = '' }) => {
    const href = places.get(idref);
    return href ? [posix.join(folder, decoded(href.split('#')[0] ?? ''))] : [];
  });
  return {
    chapters: [...new Set(chapters)],
    title: words(textIn(opf, 'dc:title')),
    creator: words(textIn(opf, 'dc:creator')),
    language: words(textIn(opf, 'dc:language'), 64),
  };
}

/** Attributes of each element of this name, whatever its prefix. */
function attributesOf(xml: string, element: string): Readonly<Record<string, string>>[] {
  const found: Readonly<Record<string, string>>[] = [];
  const parser = new Parser(
    {
      onopentag(name, attributes) {
        if (name === element || name.endsWith(`:${element}`)) found.push(attributes);
      },
    },
    { xmlMode: true },
  );
  parser.end(xml);
  return found;
}

function decoded(path: string): string {
  try {
    return decodeURIComponent(path);
  } catch {
    return path;
  }
}
