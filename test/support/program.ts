// One program of ours as a process of its own: what it printed, when it was ready, how it ended. It starts only what it is
// told and ends only what it started.
import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process';

export interface ProgramOptions {
  readonly cwd: string;
  readonly env: Readonly<Record<string, string>>;
  /** Written to standard input, which then stays open. */
  readonly input?: string;
}

export interface ProgramEnd {
  /** Exit code; undefined when a signal ended it. */
  readonly code: number | undefined;
  readonly signal: NodeJS.Signals | undefined;
}

/** Everything that still runs when this process ends is killed. */
const alive = new Set<ChildProcessWithoutNullStreams>();
process.once('exit', () => {
  for (const child of alive) child.kill('SIGKILL');
});

export class Program {
  readonly name: string;
  readonly child: ChildProcessWithoutNullStreams;
  stdout = '';
  stderr = '';
  readonly ended: Promise<ProgramEnd>;
  #end: ProgramEnd | undefined;
  readonly #waiting = new Set<() => void>();

  constructor(name: string, command: readonly string[], { cwd, env, input }: ProgramOptions) {
    this.name = name;
    const [file = '', ...words] = command;
    this.child = spawn(file, words, { cwd, env });
    alive.add(this.child);
    for (const stream of ['stdout', 'stderr'] as const) {
      this.child[stream].setEncoding('utf8').on('data', (text: string) => {
        this[stream] += text;
        this.#wake();
      });
    }
    this.child.stdin.on('error', () => undefined);
    if (input !== undefined) this.child.stdin.write(input);
    this.ended = new Promise((resolve) => {
      this.child.on('error', (error) => {
        this.stderr += error.message;
      });
      this.child.on('close', (code, signal) => {
        alive.delete(this.child);
        this.#end = { code: code ?? undefined, signal: signal ?? undefined };
        this.#wake();
        resolve(this.#end);
      });
    });
  }

  get pid(): number {
    return this.child.pid ?? -1;
  }

  get running(): boolean {
    return this.#end === undefined;
  }

  get output(): string {
    return `${this.stdout}\n${this.stderr}`;
  }

  /** Waits until `text` stands in what it printed. Throws when it ends before, or after `withinMs`. */
  async until(text: string | RegExp, withinMs = 30_000): Promise<void> {
    const there = () => (typeof text === 'string' ? this.output.includes(text) : text.test(this.output));
    let late = false;
    const timer = setTimeout(() => {
      late = true;
      this.#wake();
    }, withinMs);
    try {
      while (!there()) {
        if (!this.running) throw new Error(`${this.name} ended without saying ${text}:\n${this.output}`);
        if (late) throw new Error(`${this.name} did not say ${text} within ${withinMs} ms:\n${this.output}`);
        await new Promise<void>((resolve) => this.#waiting.add(resolve));
      }
    } finally {
      clearTimeout(timer);
    }
  }

  /** What its line `ready {...}` says. */
  async ready(withinMs = 90_000): Promise<Record<string, unknown>> {
    await this.until(/^ready \{.*\}$/m, withinMs);
    return JSON.parse(/^ready (\{.*\})$/m.exec(this.stdout)?.[1] ?? '{}') as Record<string, unknown>;
  }

  signal(name: NodeJS.Signals): void {
    if (this.running) this.child.kill(name);
  }

  /** Ends it at once, as a power cut would; resolves when it is gone. */
  async kill(): Promise<void> {
    this.signal('SIGKILL');
    await this.ended;
  }

  /** Asks it to stop and waits; kills it after `withinMs`. */
  async stop(withinMs = 15_000): Promise<ProgramEnd> {
    this.signal('SIGTERM');
    const timer = setTimeout(() => this.signal('SIGKILL'), withinMs);
    const end = await this.ended;
    clearTimeout(timer);
    return end;
  }

  #wake(): void {
    for (const wake of this.#waiting) wake();
    this.#waiting.clear();
  }
}
