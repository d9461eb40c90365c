// A program in a terminal: a pseudo-terminal of util-linux's `script`, and xterm.js without a window, which shows what a person would
// see. It can be resized and typed into.
import { execFileSync } from 'node:child_process';
import xterm from '@xterm/headless';
import { shellQuote } from '../../src/base/shell-quote.ts';
import { Program, type ProgramOptions } from './program.ts';

export interface TerminalSize {
  readonly columns: number;
  readonly rows: number;
}

/** The first line that comes out of it: the device and the process, which the program then becomes. */
const BEGIN = 'stty cols "$1" rows "$2"; printf "%s %s\\n" "$(tty)" "$$"; shift 2; exec "$@"';

export class TerminalProgram {
  readonly program: Program;
  readonly terminal: xterm.Terminal;
  #told: { readonly device: string; readonly pid: number } | undefined;
  #taken = 0;

  constructor(command: readonly string[], size: TerminalSize, options: ProgramOptions) {
    const { columns, rows } = size;
    this.terminal = new xterm.Terminal({ cols: columns, rows, scrollback: 2000, allowProposedApi: true });
    const words = ['sh', '-c', BEGIN, 'sh', String(columns), String(rows), ...command].map(shellQuote).join(' ');
    this.program = new Program(command.join(' '), ['script', '-qfec', words, '/dev/null'], {
      ...options,
      env: { TERM: 'xterm-256color', SHELL: '/bin/sh', ...options.env },
    });
  }

  /** Everything that was written after the first line, with its escapes. */
  get written(): string {
    return this.program.stdout.replace(/^[^\n]*\n/, '');
  }

  /** The process of the program itself. */
  get pid(): number {
    return this.#about().pid;
  }

  /** What stands on the screen, line by line, without spaces at the end. */
  async screen(): Promise<string[]> {
    const { written } = this;
    const more = written.slice(this.#taken);
    this.#taken = written.length;
    await new Promise<void>((resolve) => this.terminal.write(more, resolve));
    const { active } = this.terminal.buffer;
    return Array.from({ length: this.terminal.rows }, (_, at) =>
      (active.getLine(active.viewportY + at)?.translateToString(true) ?? '').trimEnd(),
    );
  }

  /** The screen once it shows this. Throws with the screen when it does not within `withinMs`. */
  async until(shows: RegExp | ((lines: readonly string[]) => boolean), withinMs = 30_000): Promise<string[]> {
    const end = performance.now() + withinMs;
    for (;;) {
      const lines = await this.screen();
      if (typeof shows === 'function' ? shows(lines) : shows.test(lines.join('\n'))) return lines;
      if (performance.now() > end) throw new Error(`the screen does not show ${shows}:\n${lines.join('\n')}`);
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }

  type(keys: string): void {
    this.program.child.stdin.write(keys);
  }

  resize({ columns, rows }: TerminalSize): void {
    this.terminal.resize(columns, rows);
    execFileSync('stty', ['-F', this.#about().device, 'cols', String(columns), 'rows', String(rows)]);
  }

  #about(): { readonly device: string; readonly pid: number } {
    const found = /^(\S+) (\d+)\r?\n/.exec(this.program.stdout);
    this.#told ??= found ? { device: found[1] ?? '', pid: Number(found[2]) } : undefined;
    if (!this.#told) throw new Error(`the terminal has not begun: ${this.program.output}`);
    return this.#told;
  }
}
