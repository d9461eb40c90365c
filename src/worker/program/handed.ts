// What a worker that another program of ours started is handed on its standard input, line by line, and the words with which it
// answers on its standard output. It ends with that input.
import * as v from 'valibot';
import { AppError } from '../../base/errors.ts';
import { lineSplitter } from '../../base/line-splitter.ts';

const HandedSchema = v.object({
  /** Names and values as if they were its environment: there they would reach its own children, too. */
  env: v.record(v.string(), v.string()),
  /** As behind `--set`. */
  set: v.array(v.string()),
});

export type Handed = v.InferOutput<typeof HandedSchema>;

/** Beginnings of the lines on standard output, beside `ready `. */
export const MISSING = 'missing ';
export const FOUND = 'found ';
export const FAILED = 'failed ';

/** An environment may be large. */
const MAX_LINE = 8 << 20;

/** Lines of an input that its other end may leave unfinished. */
export class HandedLines {
  /** Resolves when the input has ended: whoever started this is gone. */
  readonly ended: Promise<string>;
  readonly #lines: string[] = [];
  #wake: (() => void) | undefined;
  #over = false;

  constructor(input: NodeJS.ReadableStream) {
    const receive = lineSplitter(MAX_LINE, (line) => {
      this.#lines.push(line);
      this.#wake?.();
    });
    this.ended = new Promise((resolve) => {
      const over = () => {
        this.#over = true;
        this.#wake?.();
        resolve('standard input ended');
      };
      input.setEncoding('utf8');
      input.on('data', (text) => receive(String(text)));
      input.once('end', over).once('close', over).once('error', over);
    });
  }

  /** What the first line hands over. Throws USAGE. */
  async settings(): Promise<Handed> {
    try {
      return v.parse(HandedSchema, JSON.parse(await this.next()));
    } catch (cause) {
      if (cause instanceof AppError) throw cause;
      throw new AppError(
        'USAGE',
        { what: '--with-parent is for `bowline up`; standard input has no settings' },
        { cause },
      );
    }
  }

  /** The next line. Throws CANCELED when there is none any more. */
  async next(): Promise<string> {
    while (this.#lines.length === 0) {
      if (this.#over) throw new AppError('CANCELED');
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
    return this.#lines.shift() ?? '';
  }
}
