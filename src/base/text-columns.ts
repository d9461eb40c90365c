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

/** What terminals give one column more than the library: marks that stand beside their letter, and the hexagrams. */
const ONE_MORE = /(?![\p{Script=Han}\p{Script=Hangul}])\p{Mc}|[\u4dc0-\u4dff]/gu;

/** Columns that a text takes: East Asian wide characters and emoji take two, combining marks none. */
export const widthOf = (text: string): number => fastStringWidth(text) + (text.match(ONE_MORE)?.length ?? 0);

/** ASCII, and letters, marks and digits of alphabets that no terminal draws over two columns. */
const ASCII = /[ -~]/g;
const NARROW =
  /(?![\uff00-\uffef])(?=[\p{L}\p{M}\p{Nd}])[\p{sc=Latin}\p{sc=Greek}\p{sc=Cyrillic}\p{sc=Armenian}\p{sc=Hebrew}\p{sc=Arabic}\p{sc=Syriac}\p{sc=Thaana}\p{sc=Devanagari}\p{sc=Bengali}\p{sc=Gurmukhi}\p{sc=Gujarati}\p{sc=Oriya}\p{sc=Tamil}\p{sc=Telugu}\p{sc=Kannada}\p{sc=Malayalam}\p{sc=Sinhala}\p{sc=Thai}\p{sc=Lao}\p{sc=Tibetan}\p{sc=Myanmar}\p{sc=Georgian}\p{sc=Ethiopic}\p{sc=Khmer}]|[\u0300-\u036f]|[ -~]/gu;

/** Whether terminals of this language may draw letters of Greek and Cyrillic, and much else, over two columns. */
const isEastAsian = (language: string): boolean => /^(?:zh|ja|ko)\b/.test(language);

/**
 * The most columns that a terminal may take for a text, each code point for itself: terminals differ about emoji of several, marks and
 * signs. A line that is not longer than that is one line of the screen.
 */
export function mostWidthOf(text: string, language = navigator.language): number {
  const one = text.match(isEastAsian(language) ? ASCII : NARROW)?.length ?? 0;
  return 2 * [...text].length - one;
}

export const padToWidth = (text: string, width: number): string =>
  text + ' '.repeat(Math.max(width - widthOf(text), 0));

/** Code units of the longest letter and emoji that people write. Scripts that join any number of letters to one would make a line of it. */
const LONGEST = 16;

/** What an eye takes for one letter: an emoji of several code points is not cut apart. Made when it is first needed: it takes 10 ms. */
let letters: Intl.Segmenter | undefined;

export function graphemesOf(text: string): string[] {
  letters ??= new Intl.Segmenter(undefined, { granularity: 'grapheme' });
  return [...letters.segment(text)].flatMap(({ segment }) => (segment.length > LONGEST ? [...segment] : [segment]));
}

/** A text that takes at most so many columns, with `…` where something is missing: at its end, or at its begin. */
export function cutToWidth(text: string, width: number, keepsEnd = false, measure = widthOf): string {
  if (measure(text) <= width) return text;
  const all = graphemesOf(text);
  if (keepsEnd) all.reverse();
  const fit: string[] = [];
  let used = measure('…');
  for (const letter of all) {
    used += measure(letter);
    if (used > width) break;
    fit.push(letter);
  }
  return keepsEnd ? `…${fit.reverse().join('')}` : `${fit.join('')}…`;
}

/** A command in backticks with the sign behind it, else what stands between spaces. */
const WORDS = /`[^`\n]*`[^\s`]*|[^\s`]+|`/g;

/** Sentences of ours in lines of at most so many columns; those after the first begin with `margin`. A command is not cut, other long words are. */
export function inLines(text: string, width: number, margin = ''): string[] {
  const lines: string[] = [];
  let line = '';
  const add = (word: string, gap: string) => {
    if (line !== '' && widthOf(`${line}${gap}${word}`) > width) {
      lines.push(line);
      line = margin + word;
    } else line += line === '' || line === margin ? word : gap + word;
  };
  for (const [word] of text.matchAll(WORDS)) {
    if (word.startsWith('`') || widthOf(word) <= width - widthOf(margin)) add(word, ' ');
    else for (const [n, letter] of graphemesOf(word).entries()) add(letter, n === 0 ? ' ' : '');
  }
  return [...lines, line];
}
