// Reads what a person types, line by line, from a terminal or a pipe. Nothing that comes while no one waits is lost.
import { createInterface, type Interface } from 'node:readline/promises';
import type { CliIo } from './io.ts';

export class LineReader {
  readonly #io: CliIo;
  readonly #terminal: boolean;
  readonly #listeners = new Set<() => void>();
  readonly #stop: () => void;
  #readline: Interface;
  #lines: AsyncIterator<string>;
  /** Lines that were typed before the keyboard was left to something else. */
  #ahead: string[] = [];

  constructor(io: CliIo) {
    this.#io = io;
    this.#terminal = io.stdin.isTTY === true && io.stdout.isTTY === true;
    this.#readline = this.#open();
    this.#lines = this.#readline[Symbol.asyncIterator]();
    this.#stop = io.onInterrupt(() => this.#interrupted());
  }

  #open(): Interface {
    const { stdin, stdout } = this.#io;
    const readline = createInterface({
      input: stdin,
      ...(this.#terminal ? { output: stdout as NodeJS.WritableStream & typeof stdout } : {}),
      terminal: this.#terminal,
    });
    // A terminal in raw mode tells readline of Ctrl-C, a pipe's process gets the signal.
    readline.on('SIGINT', () => this.#interrupted());
    return readline;
  }

  /** The next line; undefined at the end. The prompt is shown on a terminal only. */
  async next(prompt: string): Promise<string | undefined> {
    if (this.#terminal) {
      this.#readline.setPrompt(prompt);
      this.#readline.prompt();
    }
    const ahead = this.#ahead.shift();
    if (ahead !== undefined) return ahead;
    const { value, done } = await this.#lines.next();
    return done ? undefined : value;
  }

  /** Leaves the keyboard to something else for a while. For terminals only; a line that is not ended is lost. */
  async aside<T>(use: () => Promise<T>): Promise<T> {
    const { history } = this.#readline as Interface & { history?: string[] };
    this.#readline.close();
    for (let line = await this.#lines.next(); !line.done; line = await this.#lines.next()) this.#ahead.push(line.value);
    try {
      return await use();
    } finally {
      this.#readline = this.#open();
      Object.assign(this.#readline, { history: history ?? [] });
      this.#lines = this.#readline[Symbol.asyncIterator]();
    }
  }

  /** As of `CliIo`. Ctrl-C without a listener ends the input. */
  readonly onInterrupt: CliIo['onInterrupt'] = (listener) => {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  };

  close(): void {
    this.#stop();
    this.#readline.close();
  }

  #interrupted(): void {
    if (this.#listeners.size === 0) this.close();
    for (const listener of this.#listeners) listener();
  }
}
