// The parent's half of a process of the benchmark: starts it, calls what it can do, and ends only what it started.
import { type ChildProcess, fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import type { AgentAnswer, AgentCall } from './agent.ts';

/** Everything that still runs when this process ends is killed. */
const alive = new Set<ChildProcess>();
process.once('exit', () => {
  for (const child of alive) child.kill('SIGKILL');
});

export interface AgentOptions {
  readonly env?: Readonly<Record<string, string>>;
  readonly execArgv?: readonly string[];
}

export class AgentProcess {
  readonly name: string;
  readonly #child: ChildProcess;
  readonly #waiting = new Map<number, { resolve: (value: unknown) => void; reject: (error: Error) => void }>();
  #last = 0;
  #said = '';
  #stopping = false;

  private constructor(name: string, child: ChildProcess) {
    this.name = name;
    this.#child = child;
  }

  /** Starts `agents/<name>.ts`; resolves when it is ready. */
  static async start(name: string, { env = {}, execArgv = [] }: AgentOptions = {}): Promise<AgentProcess> {
    const { PATH = '', HOME = '' } = process.env;
    const child = fork(fileURLToPath(new URL(`../agents/${name}.ts`, import.meta.url)), [], {
      env: { PATH, HOME, NODE_NO_WARNINGS: '1', ...env },
      execArgv: [...execArgv],
      serialization: 'advanced',
      stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
    });
    alive.add(child);
    const agent = new AgentProcess(name, child);
    const ready = agent.#wait(0);
    for (const stream of [child.stdout, child.stderr]) {
      stream?.setEncoding('utf8').on('data', (text: string) => {
        agent.#said = (agent.#said + text).slice(-4_000);
      });
    }
    child.on('message', (answer: AgentAnswer) => agent.#take(answer));
    child.on('exit', (code, signal) => {
      alive.delete(child);
      if (!agent.#stopping) process.stderr.write(`${name} ended with ${code ?? signal}\n${agent.#said}\n`);
      agent.#fail(`ended with ${code ?? signal}`);
    });
    await ready;
    return agent;
  }

  get pid(): number {
    return this.#child.pid ?? -1;
  }

  /** Calls an ability. Throws what it threw, or when the process ends before. */
  async call<T>(name: string, args: unknown = {}): Promise<T> {
    const id = ++this.#last;
    const answer = this.#wait(id);
    this.#child.send({ id, name, args } satisfies AgentCall, (error) => {
      if (error) this.#fail(error.message);
    });
    return (await answer) as T;
  }

  async stop(): Promise<void> {
    this.#stopping = true;
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    const gone = new Promise<void>((resolve) => this.#child.once('exit', () => resolve()));
    this.#child.kill('SIGKILL');
    await gone;
  }

  #wait(id: number): Promise<unknown> {
    const answer = new Promise<unknown>((resolve, reject) => this.#waiting.set(id, { resolve, reject }));
    // Someone may look at it only after the process has ended.
    answer.catch(() => undefined);
    return answer;
  }

  #take({ id, value, error }: AgentAnswer): void {
    const waiting = this.#waiting.get(id);
    this.#waiting.delete(id);
    if (error === undefined) waiting?.resolve(value);
    else waiting?.reject(new Error(`${this.name}: ${error}`));
  }

  #fail(why: string): void {
    for (const { reject } of this.#waiting.values()) reject(new Error(`${this.name} ${why}\n${this.#said}`));
    this.#waiting.clear();
  }
}
