// Prints for people and for programs: lines, tables, JSON. Colours only on a terminal and not with NO_COLOR. Whatever comes
// from outside is made inert here.
import { styleText } from 'node:util';
import { asCalled, calledAs } from '../base/called-as.ts';
import { inert, inertJson } from '../base/inert.ts';
import type { OutStream } from '../base/out-stream.ts';
import type { CliIo } from './io.ts';
import { type Column, fitTable } from './table.ts';

export interface TableOptions {
  /** What is said when there are no rows. */
  readonly none: string;
  readonly wide?: boolean | undefined;
}

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

  /** Rows in columns, fitted to the terminal. Says `none` in words when there are none. */
  table<Row>(columns: readonly Column<Row>[], rows: readonly Row[], { none, wide }: TableOptions): void {
    if (rows.length === 0) {
      this.line(none, 'dim');
      return;
    }
    const width = this.isTTY ? (this.#stream.columns ?? 80) : undefined;
    const { lines, isCut } = fitTable(columns, rows, { width, wide });
    const [head = '', ...body] = lines;
    this.raw(this.style(head, 'dim'));
    for (const line of body) this.raw(line);
    if (isCut) this.line('--wide shows all of it', 'dim');
  }
}
