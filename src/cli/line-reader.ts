// Reads what a person types, line by line, from a terminal or a pipe. Nothing that comes while no one waits is lost.
import { createInterface, type Interface } from 'node:readline/promises';
import type { CliIo } from './io.ts';

export class LineReader {
  readonly #readline: Interface;
  readonly #lines: AsyncIterator<string>;
  readonly #terminal: boolean;
  readonly #listeners = new Set<() => void>();
  readonly #stop: () => void;

  constructor(io: CliIo) {
    this.#terminal = io.stdin.isTTY === true && io.stdout.isTTY === true;
    this.#readline = createInterface({
      input: io.stdin,
      ...(this.#terminal ? { output: io.stdout as NodeJS.WritableStream & typeof io.stdout } : {}),
      terminal: this.#terminal,
    });
    this.#lines = this.#readline[Symbol.asyncIterator]();
    // A terminal in raw mode tells readline of Ctrl-C, a pipe's process gets the signal.
    this.#readline.on('SIGINT', () => this.#interrupted());
    this.#stop = io.onInterrupt(() => this.#interrupted());
  }

  /** The next line; undefined at the end. The prompt is shown on a terminal only. */
  async next(prompt: string): Promise<string | undefined> {
    if (this.#terminal) {
      this.#readline.setPrompt(prompt);
      this.#readline.prompt();
    }
    const { value, done } = await this.#lines.next();
    return done ? undefined : value;
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
