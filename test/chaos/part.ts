// One program of the chaos cluster: it runs, is killed, stopped or asked to end, and is started again. What it does by itself
// that it must not do is noted.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Program, ProgramEnd } from '../support/program.ts';
import type { Stack } from '../support/stack.ts';

/** By how much its clock is wrong, in milliseconds. */
const CLOCK = 'clock-wrong-by';

export class Part {
  readonly name: string;
  readonly stack: Stack;
  /** What it did that it must not do, in words; whoever reads takes them. */
  readonly wrong: string[] = [];
  readonly #start: (stack: Stack) => Program;
  readonly #mayEnd: (printed: string, startedAt: number) => boolean;
  #program: Program | undefined;
  /** Someone of the harness wants it to end. */
  #wanted = false;
  #stopped = false;
  #starts = 0;

  /** @param mayEnd whether an end by itself is right, by what it printed and when it was started; whoever heals starts it again */
  constructor(
    name: string,
    stack: Stack,
    start: (stack: Stack) => Program,
    mayEnd: (printed: string, startedAt: number) => boolean = () => false,
  ) {
    this.#mayEnd = mayEnd;
    this.name = name;
    this.stack = stack;
    this.#start = start;
    const preload = fileURLToPath(new URL('wrong-clock.mjs', import.meta.url));
    Object.assign(stack.env, { NODE_OPTIONS: `--import=${preload}`, BOWLINE_TEST_CLOCK: join(stack.dir, CLOCK) });
  }

  get program(): Program {
    if (!this.#program) throw new Error(`${this.name} was never started`);
    return this.#program;
  }

  /** Starts it; it need not be ready when this returns. */
  start(): void {
    this.#wanted = false;
    const program = this.#start(this.stack);
    this.#program = program;
    const nth = ++this.#starts;
    const startedAt = performance.now();
    void program.ended.then(({ code, signal }) => {
      this.stack.write(`printed-${nth}.txt`, program.output);
      if (this.#wanted || this.#program !== program || this.#mayEnd(program.output, startedAt)) return;
      this.wrong.push(`${this.name} ended by itself (${code ?? signal}): ${program.output.trim().slice(-300)}`);
    });
  }

  /** Waits until it says that it is ready; starts it again if it ended. */
  async ready(withinMs: number): Promise<Record<string, unknown>> {
    this.resume();
    if (!this.program.running) this.start();
    return this.program.ready(withinMs);
  }

  async kill(): Promise<void> {
    this.#wanted = true;
    await this.program.kill();
    this.#stopped = false;
  }

  /** Its wall clock is wrong by so much from now on; 0 is right. */
  wrongClock(byMs: number): void {
    this.stack.write(CLOCK, String(byMs));
  }

  pause(): void {
    this.#stopped = true;
    this.program.signal('SIGSTOP');
  }

  resume(): void {
    if (this.#stopped) this.program.signal('SIGCONT');
    this.#stopped = false;
  }

  /** SIGTERM; notes an end that is late or has another exit code than 0. */
  async term(withinMs: number): Promise<ProgramEnd> {
    this.#wanted = true;
    const { program } = this;
    const started = performance.now();
    const end = await program.stop(withinMs);
    const ms = Math.round(performance.now() - started);
    // One that was not ready yet may not have come to handle signals.
    const early = !program.stdout.includes('ready ');
    if (end.code !== 0 && !early) {
      this.wrong.push(
        `${this.name} ended with ${end.code ?? end.signal} ${ms} ms after SIGTERM: ${program.output.trim().slice(-300)}`,
      );
    }
    return end;
  }

  /** Resident memory in MB; undefined where the system does not tell. */
  get residentMb(): number | undefined {
    try {
      const status = readFileSync(`/proc/${this.program.pid}/status`, 'utf8');
      const kb = /^VmRSS:\s+(\d+) kB$/m.exec(status)?.[1];
      return kb === undefined ? undefined : Number(kb) / 1024;
    } catch {
      return undefined;
    }
  }
}
