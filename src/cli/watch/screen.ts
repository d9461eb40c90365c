// The terminal of `watch`: the alternate screen, drawn anew only where a line changed and not more often than it can be read. It gives the
// terminal back as it was, however the process ends.
import { styleText } from 'node:util';
import type { Line } from './spans.ts';

/** A terminal at both ends, as `main` gives it. */
export interface Terminal {
  /** Whether keys can be read and pictures be drawn. */
  readonly isTerminal: boolean;
  readonly hasColour: boolean;
  size(): { readonly columns: number; readonly rows: number };
  write(text: string): void;
  /** Keys come letter by letter from now on; what `restore` gives is written when the process ends in any way. */
  open(listeners: TerminalListeners, restore: string): void;
  /** As it was before. Can be called twice. */
  close(): void;
}

export interface TerminalListeners {
  readonly keys: (text: string) => void;
  readonly resized: () => void;
  /** The process is told to end, or nobody reads and types any more; with the exit code. */
  readonly ended: (code: number) => void;
}

/** Alternate screen, cursor hidden, no wrapping of long lines. */
const ENTER = '\x1b[?1049h\x1b[?25l\x1b[?7l\x1b[2J';
const LEAVE = '\x1b[?7h\x1b[0m\x1b[?25h\x1b[?1049l';
/** Least time between two pictures that nobody asked for. */
const DRAW_MS = 250;
/** The same after a key. */
const KEY_MS = 40;

export class Screen {
  readonly #terminal: Terminal;
  readonly #picture: (columns: number, rows: number) => readonly Line[];
  #drawn: string[] = [];
  #size = '';
  #last = Number.NEGATIVE_INFINITY;
  #timer: NodeJS.Timeout | undefined;
  #due = Number.POSITIVE_INFINITY;
  #open = false;

  constructor(terminal: Terminal, picture: (columns: number, rows: number) => readonly Line[]) {
    this.#terminal = terminal;
    this.#picture = picture;
  }

  open(listeners: Omit<TerminalListeners, 'resized'>): void {
    this.#open = true;
    this.#terminal.open({ ...listeners, resized: () => this.draw(true) }, LEAVE);
    this.#terminal.write(ENTER);
    this.draw(true);
  }

  close(): void {
    this.#open = false;
    clearTimeout(this.#timer);
    this.#terminal.close();
  }

  /** Draws soon. `asked`: by a key, so that it must be seen at once. */
  draw(asked = false): void {
    const now = performance.now();
    const due = Math.max(now, this.#last + (asked ? KEY_MS : DRAW_MS));
    if (!this.#open || due >= this.#due) return;
    clearTimeout(this.#timer);
    this.#due = due;
    this.#timer = setTimeout(() => this.#draw(), due - now);
  }

  #draw(): void {
    this.#due = Number.POSITIVE_INFINITY;
    this.#last = performance.now();
    const { columns, rows } = this.#terminal.size();
    const lines = this.#picture(columns, rows).map((line) => this.#paint(line));
    const size = `${columns}x${rows}`;
    const all = size !== this.#size;
    const changed = lines.flatMap((line, at) =>
      // Erased first: after a full line the cursor stands on its last letter.
      all || line !== this.#drawn[at] ? [`\x1b[${at + 1};1H\x1b[2K${line}\x1b[0m`] : [],
    );
    this.#size = size;
    this.#drawn = lines;
    if (changed.length > 0) this.#terminal.write(`${all ? '\x1b[2J' : ''}${changed.join('')}`);
  }

  #paint(line: Line): string {
    if (!this.#terminal.hasColour)
      return line
        .map(({ text }) => text)
        .join('')
        .trimEnd();
    return line.map(({ text, style }) => (style ? styleText(style, text, { validateStream: false }) : text)).join('');
  }
}
