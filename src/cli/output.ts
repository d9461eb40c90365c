// Prints for people and for programs: lines, tables, JSON. Colours only on a terminal and not with NO_COLOR. Whatever comes
// from outside is made inert here.
import { styleText } from 'node:util';
import { inert, inertJson, inertLine } from '../base/inert.ts';
import type { CliIo, OutStream } from './io.ts';

export type Style = 'bold' | 'dim' | 'red' | 'green' | 'yellow' | 'cyan';

/** One stream. `raw` is for text that is inert already. */
export class Printer {
  readonly isTTY: boolean;
  readonly #stream: OutStream;
  readonly #colour: boolean;

  constructor(stream: OutStream, env: CliIo['env']) {
    this.#stream = stream;
    this.isTTY = stream.isTTY === true;
    this.#colour = this.isTTY && !env.NO_COLOR && env.TERM !== 'dumb';
  }

  /** Text of any kind, made inert, as it is: no newline is added. */
  text(text: string): void {
    this.#stream.write(inert(text));
  }

  line(text = '', style?: Style): void {
    this.#stream.write(`${this.style(inert(text), style)}\n`);
  }

  /** Lines that were styled already; the parts must be inert. */
  raw(line: string): void {
    this.#stream.write(`${line}\n`);
  }

  style(text: string, style: Style | undefined): string {
    return this.#colour && style ? styleText(style, text, { validateStream: false }) : text;
  }

  /** One value as one document: indented on a terminal, one line else. */
  json(value: unknown): void {
    this.#stream.write(`${inertJson(value, this.isTTY ? 2 : undefined)}\n`);
  }

  /** Rows under headings, in columns. Says `none` in words when there are none. */
  table(headings: readonly string[], rows: readonly (readonly string[])[], none: string): void {
    if (rows.length === 0) {
      this.line(none, 'dim');
      return;
    }
    const cells = rows.map((row) => row.map((cell) => inertLine(cell)));
    const widths = headings.map((heading, i) =>
      Math.max(...[heading, ...cells.map((row) => row[i] ?? '')].map(widthOf)),
    );
    const put = (row: readonly string[]) =>
      row
        .map((cell, i) => (i === row.length - 1 ? cell : pad(cell, widths[i] ?? 0)))
        .join('  ')
        .trimEnd();
    this.raw(this.style(put(headings.map((heading) => heading.toUpperCase())), 'dim'));
    for (const row of cells) this.raw(put(row));
  }
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

/** A text cut to a number of characters, with `…` where something is missing. */
export function cut(text: string, length: number): string {
  const chars = [...text.replace(/\s+/g, ' ').trim()];
  return chars.length <= length ? chars.join('') : `${chars.slice(0, length - 1).join('')}…`;
}
