// Prints for people and for programs: lines, tables, JSON. Colours only on a terminal and not with NO_COLOR. Whatever comes
// from outside is made inert here.
import { styleText } from 'node:util';
import { asCalled, calledAs } from '../base/called-as.ts';
import { inert, inertJson } from '../base/inert.ts';
import type { OutStream } from '../base/out-stream.ts';
import { inColumns } from '../base/text-columns.ts';
import type { CliIo } from './io.ts';

export type Style = 'bold' | 'dim' | 'red' | 'green' | 'yellow' | 'cyan';

/**
 * One stream. `raw` is for text that is inert already. A line is of ours: commands of Bowline in it are written as they are called
 * here. What quotes a file, a question or an answer goes through `quoted` or `text`.
 */
export class Printer {
  readonly isTTY: boolean;
  readonly #stream: OutStream;
  readonly #colour: boolean;
  readonly #env: CliIo['env'];

  constructor(stream: OutStream, env: CliIo['env']) {
    this.#stream = stream;
    this.#env = env;
    this.isTTY = stream.isTTY === true;
    this.#colour = this.isTTY && !env.NO_COLOR && env.TERM !== 'dumb';
  }

  /** What a person types to call this program. */
  get program(): string {
    return calledAs(this.#env);
  }

  /** Text of any kind, made inert, as it is: no newline is added. */
  text(text: string): void {
    this.#stream.write(inert(text));
  }

  line(text = '', style?: Style): void {
    this.#stream.write(`${this.style(asCalled(inert(text), this.#env), style)}\n`);
  }

  /** A line from elsewhere: a question, an answer, a file. */
  quoted(text: string, style?: Style): void {
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
    const [head = '', ...lines] = inColumns([headings.map((heading) => heading.toUpperCase()), ...rows]);
    this.raw(this.style(head, 'dim'));
    for (const line of lines) this.raw(line);
  }
}

/** A text cut to a number of characters, with `…` where something is missing. */
export function abbreviate(text: string, length: number): string {
  const chars = [...text.replace(/\s+/g, ' ').trim()];
  return chars.length <= length ? chars.join('') : `${chars.slice(0, length - 1).join('')}…`;
}
