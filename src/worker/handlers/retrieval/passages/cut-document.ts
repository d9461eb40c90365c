// Cuts a document into passages with all that is kept of each. Pure: the same text gives the same passages.

import { createHash } from 'node:crypto';
import type { Block, Span } from './block.ts';
import { filled } from './block.ts';
import { embeddedText, unsaidOf } from './embedded-text.ts';
import { Places } from './line-places.ts';
import { markdownBlocks } from './markdown-blocks.ts';
import { pack } from './pack.ts';
import type { CutAnswer, CutOptions, CutPassage, ReadableText } from './passage.ts';
import { textBlocks } from './text-blocks.ts';
import { wordVector } from './word-vector.ts';

/** Passages that hold every line that is not blank, in the order of the text; none for a blank one. */
export function cutDocument(document: ReadableText, options: CutOptions): CutAnswer {
  const { text, pages } = document;
  const { blocks, title: found } = document.format === 'markdown' ? markdownBlocks(text) : plainBlocks(document);
  const title = document.title || found;
  const places = new Places(text);
  const passages: CutPassage[] = [];
  const parts = pages.length === 0 ? [blocks] : pages.map((start, at) => within(blocks, start, pages[at + 1]));
  for (const [at, part] of parts.entries()) {
    for (const span of pack(text, part, options)) {
      const trimmed = trim(text, span);
      if (!trimmed) continue;
      if (passages.length === options.most) return { kind: 'tooMany' };
      const page = pages.length === 0 ? 0 : at + 1;
      passages.push(passageOf(document, title, { ...span, ...trimmed }, page, places, options.prefix));
    }
  }
  return { kind: 'done', document: { title, bytes: Buffer.byteLength(text), passages } };
}

function plainBlocks({ text, pages }: ReadableText): { blocks: readonly Block[]; title: string } {
  if (pages.length === 0) return { blocks: filled(textBlocks(text), 0, text.length), title: '' };
  const blocks = pages.flatMap((start, at) => textBlocks(text, start, pages[at + 1] ?? text.length));
  return { blocks, title: '' };
}

const within = (blocks: readonly Block[], start: number, end = Number.POSITIVE_INFINITY): Block[] =>
  blocks.filter((block) => block.start >= start && block.start < end);

/** Without blank lines before it (within a line: blanks) and without blanks behind it; undefined when nothing is left. */
function trim(text: string, { start, end }: Span): { start: number; end: number } | undefined {
  const body = text.slice(start, end);
  const last = body.trimEnd().length;
  if (last === 0) return undefined;
  const atLine = start === 0 || text[start - 1] === '\n';
  const blank = (atLine ? /^(?:[^\S\n]*\n)*/ : /^\s*/).exec(body)![0].length;
  return { start: start + blank, end: start + last };
}

function passageOf(
  document: ReadableText,
  title: string,
  span: Span,
  page: number,
  places: Places,
  prefix: string,
): CutPassage {
  // Postgres keeps no NUL and protobuf no half of a surrogate pair.
  const text = document.text.slice(span.start, span.end).replaceAll('\0', '\ufffd').toWellFormed();
  const context = span.context === undefined || text.startsWith(span.context) ? '' : `${span.context}\n`;
  const parts = { title, headings: span.headings, text, context };
  const embedded = embeddedText(parts);
  return {
    text,
    headings: span.headings,
    startLine: document.lines ? places.line(span.start) : 0,
    endLine: document.lines ? places.line(span.end - 1) : 0,
    page,
    startByte: places.byte(span.start),
    endByte: places.byte(span.end),
    embedded,
    hash: createHash('sha256').update(embedded).digest('hex'),
    words: wordVector(prefix, [text, context, ...unsaidOf(parts)]),
  };
}
