// Reads an ODT: headings, paragraphs, lists and tables of its content as Markdown. Pictures and what was deleted are left out.
import { Parser } from 'htmlparser2';
import type { ParsedDocument } from './document.ts';
import { EMPTY, NO_FORMULAS, textWithin, words } from './parsed.ts';
import { unzipParts, utf8 } from './unzip.ts';

/** Their text is no text of the document. */
const LEFT_OUT = new Set(['text:tracked-changes', 'office:annotation', 'svg:title', 'svg:desc', 'text:sequence-decls']);
const MAX_SPACES = 256;

export class LockedDocument extends Error {
  override readonly name = 'PasswordException';
}

/** Throws LockedDocument, RangeError for what unpacks to too much, an Error for what is damaged. */
export function readOdt(bytes: Uint8Array, maxChars: number): ParsedDocument {
  const parts = unzipParts(bytes, (name) => ['content.xml', 'meta.xml', 'META-INF/manifest.xml'].includes(name));
  const manifest = utf8(parts.get('META-INF/manifest.xml'));
  if (manifest.includes('encryption-data')) throw new LockedDocument();
  const content = parts.get('content.xml');
  if (!content) throw new Error('it has no content');
  const title = words(textIn(utf8(parts.get('meta.xml')), 'dc:title'));
  const warning = manifest.includes('application/vnd.oasis.opendocument.formula') ? NO_FORMULAS : '';
  return { ...EMPTY, title, warning, ...textWithin(textOf(utf8(content)), maxChars) };
}

function textOf(xml: string): string {
  const blocks: string[] = [];
  let line = '';
  let head = '';
  let cells: string[] | undefined;
  let lists = 0;
  let out = 0;
  /** What stands around the note that is read, and the notes so far: they stand at the end. */
  let around: { readonly line: string; readonly head: string; readonly cells: string[] | undefined } | undefined;
  let note: string[] = [];
  const notes: string[] = [];
  const end = () => {
    const text = line.trim();
    line = '';
    if (text === '') return;
    if (around) note.push(text);
    else if (cells) cells.push(text.replaceAll('\n', ' '));
    else blocks.push(`${head}${text}`);
    head = '';
  };
  const parser = new Parser(
    {
      onopentag(name, attributes) {
        if (LEFT_OUT.has(name)) out++;
        else if (name === 'text:note' && !around) around = { line, head, cells };
        else if (name === 'text:note-body') {
          note = [`[${line.slice(around?.line.length ?? 0).trim() || notes.length + 1}]`];
          line = '';
        } else if (name === 'text:h')
          head = `${'#'.repeat(Math.min(6, Math.max(1, Number(attributes['text:outline-level']) || 1)))} `;
        else if (name === 'text:list') lists++;
        else if (name === 'text:list-item') head = `${'  '.repeat(Math.min(lists, 10) - 1)}- `;
        else if (name === 'text:s') line += ' '.repeat(Math.min(MAX_SPACES, Number(attributes['text:c']) || 1));
        else if (name === 'text:tab') line += '\t';
        else if (name === 'text:line-break') line += '\n';
        else if (name === 'table:table-row') cells = [];
      },
      ontext(text) {
        if (out === 0) line += text.replace(/\s+/g, ' ');
      },
      onclosetag(name) {
        if (LEFT_OUT.has(name)) out--;
        else if (name === 'text:note' && around) {
          end();
          notes.push(note.join(' '));
          const mark = note[0] ?? '';
          ({ line, head, cells } = around);
          line += mark;
          around = undefined;
          note = [];
        } else if (name === 'text:p' || name === 'text:h') end();
        else if (name === 'text:list') lists--;
        else if (name === 'table:table-row') {
          if (cells && cells.length > 0) blocks.push(cells.join(' | '));
          cells = undefined;
        }
      },
    },
    { xmlMode: true },
  );
  parser.end(xml);
  return joined([...blocks, ...notes]);
}

/** Items of a list and rows of a table stand below each other, other blocks apart. */
function joined(blocks: readonly string[]): string {
  let text = '';
  let before = '';
  for (const block of blocks) {
    const kind = /^ {0,20}- /.test(block) ? 'item' : block.includes(' | ') ? 'row' : '';
    const apart = kind !== '' && kind === before ? '\n' : '\n\n';
    text += text === '' ? block : `${apart}${block}`;
    before = kind;
  }
  return text;
}

/** The text in the first element of this name. */
export function textIn(xml: string, element: string): string {
  let text = '';
  let state: 'before' | 'in' | 'after' = 'before';
  const parser = new Parser(
    {
      onopentag(name) {
        if (name === element && state === 'before') state = 'in';
      },
      ontext(part) {
        if (state === 'in') text += part;
      },
      onclosetag(name) {
        if (name === element && state === 'in') state = 'after';
      },
    },
    { xmlMode: true },
  );
  parser.end(xml);
  return text;
}
