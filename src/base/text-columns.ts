// Rows of text in columns, for people. It measures what a terminal draws, and writes nothing.
import fastStringWidth from 'fast-string-width';
import { inertLine } from './inert.ts';

/** A line for each row, columns two spaces apart. Cells are made inert, each on one line. */
export function inColumns(rows: readonly (readonly string[])[]): string[] {
  const cells = rows.map((row) => row.map((cell) => inertLine(cell)));
  const widths = (cells[0] ?? []).map((_, at) => Math.max(...cells.map((row) => widthOf(row[at] ?? ''))));
  return cells.map((row) =>
    row
      .map((cell, at) => (at === row.length - 1 ? cell : padToWidth(cell, widths[at] ?? 0)))
      .join('  ')
      .trimEnd(),
  );
}

/** Columns that a text takes: East Asian wide characters and emoji take two, combining marks none. */
export const widthOf = (text: string): number => fastStringWidth(text);

export const padToWidth = (text: string, width: number): string =>
  text + ' '.repeat(Math.max(width - widthOf(text), 0));

/** What an eye takes for one letter: an emoji of several code points is never cut apart. Made when it is first needed: it takes 10 ms. */
let letters: Intl.Segmenter | undefined;

export function graphemesOf(text: string): string[] {
  letters ??= new Intl.Segmenter(undefined, { granularity: 'grapheme' });
  return [...letters.segment(text)].map(({ segment }) => segment);
}

/** A text that takes at most so many columns, with `…` where something is missing: at its end, or at its begin. */
export function cutToWidth(text: string, width: number, keepsEnd = false): string {
  if (widthOf(text) <= width) return text;
  const all = graphemesOf(text);
  if (keepsEnd) all.reverse();
  const fit: string[] = [];
  let used = 1;
  for (const letter of all) {
    used += widthOf(letter);
    if (used > width) break;
    fit.push(letter);
  }
  return keepsEnd ? `…${fit.reverse().join('')}` : `${fit.join('')}…`;
}
