// Rows of text in columns, for people. It measures what a terminal draws, and writes nothing.
import { inertLine } from './inert.ts';

/** A line for each row, columns two spaces apart. Cells are made inert, each on one line. */
export function inColumns(rows: readonly (readonly string[])[]): string[] {
  const cells = rows.map((row) => row.map((cell) => inertLine(cell)));
  const widths = (cells[0] ?? []).map((_, at) => Math.max(...cells.map((row) => widthOf(row[at] ?? ''))));
  return cells.map((row) =>
    row
      .map((cell, at) => (at === row.length - 1 ? cell : pad(cell, widths[at] ?? 0)))
      .join('  ')
      .trimEnd(),
  );
}

/** Columns that a text takes: East Asian wide characters and emoji take two, combining marks none (UAX #11, roughly). */
export function widthOf(text: string): number {
  let width = 0;
  for (const char of text) width += /\p{Mark}/u.test(char) ? 0 : WIDE.test(char) ? 2 : 1;
  return width;
}

const WIDE =
  /[\u1100-\u115f\u2e80-\ua4cf\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff00-\uff60\uffe0-\uffe6]|\p{Emoji_Presentation}|[\u{20000}-\u{3fffd}]/u;

const pad = (text: string, width: number): string => text + ' '.repeat(Math.max(width - widthOf(text), 0));
