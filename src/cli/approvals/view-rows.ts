// The rows that an owner judges by: cut to the columns, and never silent about what is missing in them.
import { mostWidthOf } from '../../base/text-columns.ts';
import type { Style } from '../output.ts';
import { countText } from '../units.ts';
import { cutMiddle, hasLookAlikes, hasUnseen, seenLine, wrapped } from './seen-text.ts';

/** A line for a terminal; its text is safe to draw. */
export interface ViewLine {
  readonly text: string;
  readonly style?: Style | undefined;
}

/** How much of it is shown. */
export interface ViewSize {
  readonly columns: number;
  /** Most lines of diffs and outputs; undefined: everything that the box told, in as many lines as it needs. */
  readonly lines: number | undefined;
}

/** Lines, and whether something is missing in them. */
export interface ViewRows {
  readonly lines: readonly ViewLine[];
  readonly isCut: boolean;
  /** Whether there is more than the box told, so that nothing shows all of it. */
  readonly isPart: boolean;
  readonly hasUnseen: boolean;
}

const LABEL = 11;
export const INDENT = '    ';
/** Before the rest of a long line. No row of ours and no line of a text begins like it. */
export const REST = '      ↪ ';
/** Lines of a list of values, and of the files of a command. */
const MOST_VALUE_LINES = 6;

/** Collects lines, cut to the columns, and remembers what is missing. */
export class RowMaker {
  readonly #size: ViewSize;
  readonly #lines: ViewLine[] = [];
  #isCut = false;
  #isPart = false;
  #hasUnseen = false;

  constructor(size: ViewSize) {
    this.#size = size;
  }

  get shown(): ViewRows {
    return { lines: this.#lines, isCut: this.#isCut, isPart: this.#isPart, hasUnseen: this.#hasUnseen };
  }

  get count(): number {
    return this.#lines.length;
  }

  /** A line whose text was made safe. */
  put(text: string, style?: Style): void {
    const { columns, lines } = this.#size;
    const fit = lines === undefined ? wrapped(text, Math.max(columns, 20), REST) : [cutMiddle(text, columns)];
    this.#isCut ||= lines !== undefined && fit[0] !== text;
    for (const each of fit) this.#lines.push({ text: each, style });
  }

  row(label: string, text: string, style?: Style): void {
    this.put(`  ${label.padEnd(LABEL)} ${text}`.trimEnd(), style);
  }

  /** Values one after the other, in as many lines as they need; of very many the first ones, and their number. */
  values(label: string, values: readonly string[], style?: Style, most = MOST_VALUE_LINES): void {
    const whole = this.#size.lines === undefined;
    const room = Math.max(this.#size.columns - LABEL - 3, 20);
    const lines: string[] = [];
    let shown = 0;
    for (const value of values) {
      const word = whole ? value : cutMiddle(value, room);
      const last = lines.at(-1);
      const fits = last !== undefined && mostWidthOf(last) + 1 + mostWidthOf(word) <= room;
      if (!fits && !whole && lines.length === most) break;
      if (fits) lines[lines.length - 1] = `${last} ${word}`;
      else lines.push(word);
      this.#isCut ||= word !== value;
      shown += 1;
    }
    for (const [at, line] of lines.entries()) this.row(at === 0 ? label : '', line, style);
    if (shown === values.length) return;
    this.#isCut = true;
    this.row('', `… ${values.length - shown} more of ${values.length} …`, 'yellow');
  }

  /** Words of ours in as many lines as they need, or `most`. */
  words(label: string, text: string, style?: Style, most?: number): void {
    this.values(label, text.split(' '), style, most);
  }

  note(texts: readonly string[]): void {
    // Texts of several lines are shown as they are drawn.
    this.#hasUnseen ||= texts.some((text) => hasUnseen(text) || (!text.includes('\n') && hasLookAlikes(text)));
  }

  /** Lines of a text, at most `most`; in the middle of more of them their number stands. */
  text(lines: readonly ViewLine[], most: number | undefined): void {
    if (most === undefined || lines.length <= most) {
      for (const { text, style } of lines) this.put(text, style);
      return;
    }
    this.#isCut = true;
    const head = Math.ceil(((most - 1) * 2) / 3);
    const tail = most - 1 - head;
    for (const { text, style } of lines.slice(0, head)) this.put(text, style);
    this.put(`${INDENT}… ${countText(lines.length - head - tail, 'line')} more …`, 'yellow');
    for (const { text, style } of tail > 0 ? lines.slice(-tail) : []) this.put(text, style);
  }

  cut(): void {
    this.#isCut = true;
  }

  /** Says what the box did not tell. */
  part(text: string): void {
    this.#isPart = true;
    this.words('NOT SHOWN', text, 'yellow');
  }
}

/** Enough of a hash to compare by eye. */
export const hashText = (hash: Uint8Array): string => Buffer.from(hash).toString('hex').slice(0, 12);

/** A text with a bar before each line. @param most lines of it */
export function textRows(rows: RowMaker, text: string, most: number | undefined): void {
  if (text === '') return;
  const lines = text.replace(/\n$/, '').split('\n');
  rows.text(
    lines.map((line) => ({ text: `${INDENT}| ${seenLine(line)}` })),
    most,
  );
}
