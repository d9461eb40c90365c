// A progress bar on a terminal: one line that is drawn again. Elsewhere a line now and then, so that logs stay readable.
import type { OutStream } from '../base/out-stream.ts';
import { widthOf } from '../base/text-columns.ts';

/** Drawn at most this often, in milliseconds. */
const EVERY_MS = 80;
const CELLS = 24;
/** Between two lines where there is no terminal. */
const LINE_MS = 5_000;

export class ProgressBar {
  readonly #stream: OutStream;
  readonly #total: number;
  #drawn = Number.NEGATIVE_INFINITY;
  #shown = false;
  #told = performance.now();

  constructor(stream: OutStream, total: number) {
    this.#stream = stream;
    this.#total = Math.max(total, 1);
  }

  /** @param what what is being done, cut to the width of the terminal */
  show(done: number, what: string): void {
    const now = performance.now();
    if (!this.#stream.isTTY) {
      this.#line(done, now);
      return;
    }
    if (now - this.#drawn < EVERY_MS && done < this.#total) return;
    this.#drawn = now;
    this.#shown = true;
    const full = Math.round((Math.min(done, this.#total) / this.#total) * CELLS);
    const head = `${'█'.repeat(full)}${'░'.repeat(CELLS - full)} ${done}/${this.#total} `;
    const room = (this.#stream.columns ?? 80) - CELLS - `${done}/${this.#total}`.length - 3;
    this.#stream.write(`\r\x1b[K${head}${fitted(what, room)}`);
  }

  #line(done: number, now: number): void {
    if (now - this.#told < LINE_MS || done >= this.#total) return;
    this.#told = now;
    this.#stream.write(`${done} of ${this.#total} done\n`);
  }

  /** Takes the line away. */
  clear(): void {
    if (this.#shown) this.#stream.write('\r\x1b[K');
    this.#shown = false;
  }
}

function fitted(text: string, columns: number): string {
  let fit = '';
  for (const letter of text.replace(/\p{Cc}/gu, ' ')) {
    if (widthOf(fit + letter) > columns) return fit;
    fit += letter;
  }
  return fit;
}
