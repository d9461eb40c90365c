// The one line of a terminal that tells what happens now, and vanishes. Draws nothing where there is no terminal.
import { inertLine } from '../base/inert.ts';
import type { OutStream } from '../base/out-stream.ts';
import { cutToWidth } from '../base/text-columns.ts';
import type { CliIo } from './io.ts';

const FRAMES = ['⠋', '⠙', '⠹', '⠸', '⠼', '⠴', '⠦', '⠧', '⠇', '⠏'];
const EVERY_MS = 120;
/** How long something goes on before its time is shown. */
const SLOW_MS = 2_000;
const CLEAR = '\r\x1b[2K';

/** Whether lines can be taken back there. */
export const canRedraw = (stream: OutStream, env: CliIo['env']): boolean =>
  stream.isTTY === true && env.TERM !== 'dumb';

/** The line of a terminal; undefined where there is none. */
export const liveLine = ({ stderr, env }: Pick<CliIo, 'stderr' | 'env'>): LiveLine | undefined =>
  canRedraw(stderr, env) ? new LiveLine(stderr) : undefined;

export class LiveLine {
  readonly #stream: OutStream;
  #text = '';
  #since = performance.now();
  #frame = 0;
  #drawn = false;
  #timer: NodeJS.Timeout | undefined;

  constructor(stream: OutStream) {
    this.#stream = stream;
  }

  /** Shows the line, or changes it. */
  show(text: string): void {
    this.#text = inertLine(text);
    this.#timer ??= setInterval(() => this.#draw(), EVERY_MS).unref();
    this.#draw();
  }

  /** Takes it away. It comes back with the next `show`. */
  hide(): void {
    clearInterval(this.#timer);
    this.#timer = undefined;
    if (this.#drawn) this.#stream.write(CLEAR);
    this.#drawn = false;
  }

  #draw(): void {
    const seconds = Math.floor((performance.now() - this.#since) / 1000);
    const time = seconds * 1000 >= SLOW_MS ? ` ${seconds} s` : '';
    this.#frame = (this.#frame + 1) % FRAMES.length;
    // A full last column would wrap in some terminals, and the line could not be taken back.
    const room = Math.max((this.#stream.columns ?? 80) - 4 - time.length, 8);
    this.#stream.write(`${CLEAR}${FRAMES[this.#frame]} ${cutToWidth(this.#text, room)}${time}`);
    this.#drawn = true;
  }
}
