// Runs the command line as its users do: as a child process, with the home of a test.
import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';

/** What users start, and four times as fast to start as its sources: `ensure-built` has made it. */
const MAIN = fileURLToPath(new URL('../../dist/client.cjs', import.meta.url));
/** Longest time of one command, on a machine that is busy; then it is killed and the test fails. */
const LIMIT_MS = 60_000;

export interface CliOptions {
  readonly cwd: string;
  readonly home: string;
  readonly env?: Record<string, string>;
  readonly input?: string;
}

/** A command at work. */
export class CliRun {
  readonly child: ChildProcessWithoutNullStreams;
  stdout = '';
  stderr = '';
  /** The exit code; -1 when it was killed. */
  readonly ended: Promise<number>;
  readonly #waiting = new Set<() => void>();

  constructor(words: readonly string[], { cwd, home, env = {}, input }: CliOptions) {
    const { PATH = '', HOME = '' } = process.env;
    this.child = spawn(process.execPath, [MAIN, ...words], { cwd, env: { PATH, HOME, BOWLINE_HOME: home, ...env } });
    this.child.stdout.setEncoding('utf8').on('data', (text: string) => this.#add('stdout', text));
    this.child.stderr.setEncoding('utf8').on('data', (text: string) => this.#add('stderr', text));
    // A command may end before it has read all of it.
    this.child.stdin.on('error', () => {});
    if (input !== undefined) this.child.stdin.end(input);
    const timer = setTimeout(() => this.child.kill('SIGKILL'), LIMIT_MS);
    this.ended = new Promise((resolve) => {
      this.child.on('close', (code) => {
        clearTimeout(timer);
        this.#wake();
        resolve(code ?? -1);
      });
    });
  }

  /** Waits until a text stands in one of the outputs. */
  async until(text: string | RegExp): Promise<void> {
    const there = () => (typeof text === 'string' ? this.all.includes(text) : text.test(this.all));
    while (!there()) {
      if (this.child.exitCode !== null || this.child.signalCode !== null) {
        throw new Error(`the command ended without ${text}:\n${this.all}`);
      }
      await new Promise<void>((resolve) => this.#waiting.add(resolve));
    }
  }

  interrupt(): void {
    this.child.kill('SIGINT');
  }

  get all(): string {
    return `${this.stdout}\n${this.stderr}`;
  }

  #add(stream: 'stdout' | 'stderr', text: string): void {
    this[stream] += text;
    this.#wake();
  }

  #wake(): void {
    for (const wake of this.#waiting) wake();
    this.#waiting.clear();
  }
}

/** Runs a command to its end. */
export async function cli(words: readonly string[], options: CliOptions) {
  const run = new CliRun(words, { input: '', ...options });
  const code = await run.ended;
  return { code, stdout: run.stdout, stderr: run.stderr };
}
