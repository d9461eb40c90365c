// A whole Bowline of real processes in a temporary home with private ports: started, killed and started again one by one,
// and removed with everything it wrote. It runs what `make build` built.
import { execFile } from 'node:child_process';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  realpathSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { freePort } from './free-port.ts';
import { Program } from './program.ts';

export const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const DIST = join(ROOT, 'dist');
const run = promisify(execFile);

/** Builds what is stale; returns where it stands. */
export async function built(): Promise<string> {
  await run(process.execPath, [join(ROOT, 'scripts/build.mjs'), '--if-stale'], { cwd: ROOT });
  return DIST;
}

export interface CliEnd {
  readonly code: number | undefined;
  readonly stdout: string;
  readonly stderr: string;
}

export interface CliOptions {
  readonly cwd?: string;
  readonly env?: Readonly<Record<string, string>>;
  /** Standard input, which then ends. */
  readonly input?: string | Uint8Array;
  readonly withinMs?: number;
}

export interface StackOptions {
  /** Where its folder is made: a path to which something is added; default: in the system's temporary folder. */
  readonly name?: string;
  /** The folder with the programs; default: `dist/`. */
  readonly dist?: string;
}

export class Stack {
  /** Holds everything else. */
  readonly dir: string;
  readonly home: string;
  /** The folder that the edge may read. */
  readonly docs: string;
  readonly port: number;
  /** Holds what it runs. */
  readonly #dist: string;
  /** Added to the environment of every program. */
  readonly env: Record<string, string> = {};
  readonly #programs: Program[] = [];

  private constructor(dir: string, port: number, dist: string) {
    this.dir = dir;
    this.#dist = dist;
    this.home = join(dir, 'home');
    this.docs = join(dir, 'docs');
    this.port = port;
    mkdirSync(this.docs);
    mkdirSync(this.home, { mode: 0o700 });
  }

  /** Builds what is stale, unless it is told what to run, and makes the folders. Nothing runs yet. */
  static async create(files: Readonly<Record<string, string>> = {}, options: StackOptions = {}): Promise<Stack> {
    const { name = join(tmpdir(), 'bowline-test-'), dist = await built() } = options;
    const stack = new Stack(realpathSync(mkdtempSync(name)), await freePort(), dist);
    for (const [name, text] of Object.entries(files)) stack.write(`docs/${name}`, text);
    return stack;
  }

  get url(): string {
    return `http://127.0.0.1:${this.port}`;
  }

  get ownerKey(): string {
    return this.read('home/owner.key').trim();
  }

  /** Writes a file below the folder of this stack. */
  write(name: string, text: string, mode = 0o644): string {
    const path = join(this.dir, name);
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, text, { mode });
    return path;
  }

  read(name: string): string {
    return readFileSync(join(this.dir, name), 'utf8');
  }

  /** Control plane, worker and edge by one command; resolves with what its ready line says. */
  async up(...words: string[]) {
    const program = this.start('up', ['--allow', this.docs, '--port', String(this.port), ...words]);
    return { program, ready: await program.ready() };
  }

  /** The control plane alone, at the port of this stack. */
  async control(...words: string[]): Promise<Program> {
    const program = this.start('control', ['--port', String(this.port), ...words]);
    await program.ready();
    return program;
  }

  async worker(...words: string[]): Promise<Program> {
    const program = this.start('worker', ['--serve', 'llm', ...words]);
    await program.ready();
    return program;
  }

  /** The edge alone; the first time it joins. */
  async edge(...words: string[]): Promise<Program> {
    const joins = existsSync(join(this.home, 'device.json')) ? [] : ['--join'];
    const line = joins.length > 0 ? await this.cli(['devices', 'join-token']) : undefined;
    const program = this.start('edge', ['--allow', this.docs, ...joins, ...words], line?.stdout);
    await program.ready();
    return program;
  }

  /** Starts a program of ours. It is ended with this stack at the latest. */
  start(verb: string, words: readonly string[], input?: string): Program {
    const program = new Program(verb, [...commandOf(verb, this.#dist), '--home', this.home, ...words], {
      cwd: this.dir,
      env: this.#environment({}),
      ...(input === undefined ? {} : { input }),
    });
    this.#programs.push(program);
    return program;
  }

  /** The program that was started last by this verb. */
  running(verb: string): Program {
    const program = this.#programs.findLast(({ name }) => name === verb);
    if (!program?.running) throw new Error(`no ${verb} runs here`);
    return program;
  }

  /** Starts a command of the command line and leaves it running. */
  spawnCli(words: readonly string[], options: CliOptions = {}): Program {
    const program = new Program(words[0] ?? 'bowline', [...commandOf('', this.#dist), ...words], {
      cwd: options.cwd ?? this.docs,
      env: this.#environment(options.env ?? {}),
    });
    this.#programs.push(program);
    program.child.stdin.end(options.input ?? '');
    return program;
  }

  /** Runs a command of the command line to its end, as its users do. Throws when it takes longer than `withinMs` (60 s). */
  async cli(words: readonly string[], options: CliOptions = {}): Promise<CliEnd> {
    const program = this.spawnCli(words, { input: '', ...options });
    const withinMs = options.withinMs ?? 60_000;
    let late = false;
    const timer = setTimeout(() => {
      late = true;
      program.signal('SIGKILL');
    }, withinMs);
    const { code } = await program.ended;
    clearTimeout(timer);
    this.#programs.splice(this.#programs.indexOf(program), 1);
    if (late) throw new Error(`bowline ${words.join(' ')} took longer than ${withinMs} ms:\n${program.output}`);
    return { code, stdout: program.stdout, stderr: program.stderr };
  }

  /** All logs of this home, newest lines last in each. */
  logs(): string {
    const folder = join(this.home, 'logs');
    if (!existsSync(folder)) return '';
    return readdirSync(folder)
      .map((name) => readFileSync(join(folder, name), 'utf8'))
      .join('');
  }

  /** Ends every program and removes the folder, unless it is to be kept. */
  async close(keep = false): Promise<void> {
    await Promise.all(this.#programs.map((program) => program.stop()));
    if (!keep) rmSync(this.dir, { recursive: true, force: true });
  }

  #environment(more: Readonly<Record<string, string>>): Record<string, string> {
    const { PATH = '', HOME = '' } = process.env;
    return { PATH, HOME, BOWLINE_HOME: this.home, ...this.env, ...more };
  }
}

/** How the launcher starts a verb of what was built: the edge has a bundle, flags and an environment of its own. */
export function commandOf(verb: string, dist = DIST): string[] {
  if (verb !== 'edge') return [process.execPath, join(dist, 'client.cjs'), ...(verb ? [verb] : [])];
  const words = (file: string) => readFileSync(join(dist, file), 'utf8').trim().split(' ');
  return ['env', ...words('edge.env'), process.execPath, ...words('edge.flags'), join(dist, 'edge.cjs'), 'edge'];
}
