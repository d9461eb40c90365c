// The structure of plain text: paragraphs, which blank lines part.
import type { Block } from './block.ts';

/** One block a paragraph between two offsets; together they hold every line that is not blank. */
export function textBlocks(text: string, start = 0, end = text.length): Block[] {
  const blocks: Block[] = [];
  const blank = /(?:^|\n)[^\S\n]*(?=\n|$)/gu;
  let from = start;
  const add = (to: number) => {
    if (text.slice(from, to).trim() !== '') blocks.push({ start: from, end: to, headings: [] });
  };
  blank.lastIndex = start;
  for (let match = blank.exec(text); match && match.index < end; match = blank.exec(text)) {
    const to = match.index + match[0].length;
    // An empty match does not move by itself.
    if (match[0] === '') blank.lastIndex++;
    add(Math.min(to, end));
    from = Math.min(to, end);
  }
  add(end);
  return blocks;
}
