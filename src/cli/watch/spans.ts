// Lines of a picture: pieces of text with a style each, cut and padded to columns of a terminal. Everything is made inert here.
import { inertLine } from '../../base/inert.ts';
import { cutToWidth, padToWidth, widthOf } from '../../base/text-columns.ts';
import type { Style } from '../output.ts';

export interface StyledText {
  readonly text: string;
  readonly style?: Style | undefined;
}

export type Line = readonly StyledText[];

export const span = (text: string, style?: Style): StyledText => ({ text: inertLine(text), style });

export const lineText = (line: Line): string => line.map(({ text }) => text).join('');

/** A text in exactly `width` columns: filled with spaces, or cut with `…`. A letter of two columns is never cut in half. */
export const inWidth = (text: string, width: number): string =>
  width > 0 ? padToWidth(cutToWidth(inertLine(text), width), width) : '';

/** A line in at most `width` columns: what does not fit is cut. */
export function clip(line: Line, width: number): Line {
  let left = width;
  const out: StyledText[] = [];
  for (const { text, style } of line) {
    const wide = widthOf(text);
    if (wide > left) {
      if (left > 0) out.push({ text: inWidth(text, left), style });
      return out;
    }
    out.push({ text, style });
    left -= wide;
  }
  return out;
}

/** The text in lines of at most `width` columns, broken at spaces where there are some; at most `most` lines, the last cut with `…`. */
export function wrap(text: string, width: number, most: number): string[] {
  const lines: string[] = [];
  for (const paragraph of text.split('\n')) {
    let line = '';
    for (const { segment } of WORDS.segment(inertLine(paragraph))) {
      if (widthOf(line + segment) <= width) line += segment;
      else {
        if (line !== '') lines.push(line.trimEnd());
        line = segment.trimStart();
      }
      if (lines.length > most) break;
    }
    lines.push(line.trimEnd());
    if (lines.length > most) break;
  }
  if (lines.length <= most) return lines.map((line) => (widthOf(line) > width ? inWidth(line, width) : line));
  const kept = lines.slice(0, Math.max(most, 0));
  const last = kept.pop();
  return last === undefined ? [] : [...kept, inWidth(`${last} …`, width).trimEnd()];
}

const WORDS = new Intl.Segmenter(undefined, { granularity: 'word' });
