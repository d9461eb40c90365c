// A person at a fresh checkout who types what a page says, line by line: in a home of their own, with terminals in which programs
// go on running. What stands for something of theirs (an address, an id) is filled in; nothing else is changed.
import { cpSync, mkdirSync, mkdtempSync, readdirSync, realpathSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { stripVTControlCharacters } from 'node:util';
import { freePort } from '../free-port.ts';
import { Program } from '../program.ts';
import { ROOT } from '../stack.ts';
import { TerminalProgram } from '../terminal-program.ts';
import { type PageCommand, stepsOf } from './page-commands.ts';

/** Folders of the checkout into which the pages look or write; all others are links. */
const COPIED: ReadonlySet<string> = new Set(['docs', 'examples', 'proto', 'third_party']);

/** How commands of one form are typed. */
export interface Typing {
  /** Looked for in the command as it stands on the page. */
  readonly like: RegExp;
  /** What is stopped before, in other terminals. */
  readonly stops?: RegExp;
  /** It runs until it is stopped; the page goes on when this stands in what it prints. */
  readonly until?: RegExp;
  /** Whether its terminal is needed no more when that was seen. */
  readonly thenStopped?: boolean;
  /** It draws on a terminal. */
  readonly terminal?: boolean;
  /** It asks at its terminal, and Enter takes what each question offers. */
  readonly asks?: boolean;
  /** What is typed into it, from all that was printed so far. */
  readonly input?: (printed: string) => string;
  /** What must stand in what it shows. */
  readonly says?: RegExp;
  /** The exit codes that are meant; default 0. */
  readonly codes?: readonly number[];
  /** The machine, by a name: each has a home of its own. Default: the one at which the page begins. */
  readonly machine?: string;
}

export interface PageShellOptions {
  /** Makes the user's folders, in their home. */
  readonly files: (userHome: string) => void;
  readonly typing: readonly Typing[];
  /** What is filled in for a text of the page, from all that was printed so far. */
  readonly filled: readonly (readonly [RegExp, (printed: string) => string])[];
  /** Variables that the page tells to set, from all that was printed so far. */
  readonly variables?: Readonly<Record<string, (printed: string) => string>>;
}

/** What became of one command. */
export interface Typed {
  readonly code: number | undefined;
  /** What stood in its terminal: output and messages. */
  readonly shown: string;
}

const LIMIT_MS = 90_000;

/** Output and messages come in the order in which a terminal would show them; bash becomes a command that stands alone. */
const ONE_STREAM = 'exec 2>&1; exec bash -c "$1"';

export class PageShell {
  readonly dir: string;
  readonly port: number;
  readonly #options: PageShellOptions;
  readonly #env: Record<string, string> = {};
  readonly #terminals = new Map<string, Program>();
  #printed = '';

  private constructor(dir: string, port: number, options: PageShellOptions) {
    this.dir = dir;
    this.port = port;
    this.#options = options;
  }

  static async open(options: PageShellOptions): Promise<PageShell> {
    const dir = realpathSync(mkdtempSync(join(tmpdir(), 'bowline-page-')));
    const shell = new PageShell(dir, await freePort(), options);
    mkdirSync(join(dir, 'tmp'));
    mkdirSync(join(dir, 'bowline'));
    for (const name of readdirSync(ROOT)) {
      const [from, to] = [join(ROOT, name), join(dir, 'bowline', name)];
      if (COPIED.has(name)) cpSync(from, to, { recursive: true });
      else symlinkSync(from, to);
    }
    return shell;
  }

  get checkout(): string {
    return join(this.dir, 'bowline');
  }

  /** Everything that was shown so far. */
  get printed(): string {
    return this.#printed;
  }

  /** Types a command of a page, step by step. Throws when a step does not end as it is meant to, with what it showed. */
  async type({ page, line, text, file }: PageCommand): Promise<Typed> {
    let last: Typed = { code: 0, shown: '' };
    if (file !== undefined) writeFileSync(join(this.checkout, /\w+\.(?:py|mjs)/.exec(text)?.[0] ?? ''), file);
    for (const step of stepsOf(text)) {
      const typing = this.#options.typing.find(({ like }) => like.test(step)) ?? { like: /$/ };
      if (typing.stops) await this.stop(typing.stops);
      last = await this.#step(step, typing).catch((error) => {
        throw new Error(`${page}:${line}: ${step}\n${error instanceof Error ? error.message : String(error)}`);
      });
      if (typing.says && !typing.says.test(last.shown)) {
        throw new Error(`${page}:${line}: ${step}\ndoes not say ${typing.says}:\n${last.shown}`);
      }
    }
    return last;
  }

  /** Stops what runs in terminals whose command is like this. */
  async stop(like: RegExp): Promise<void> {
    for (const [step, program] of this.#terminals) {
      if (!like.test(step)) continue;
      await program.stop();
      this.#terminals.delete(step);
    }
  }

  async close(): Promise<void> {
    await this.stop(/^/);
    rmSync(this.dir, { recursive: true, force: true });
  }

  async #step(step: string, typing: Typing): Promise<Typed> {
    const running = this.#terminals.get(step);
    if (running?.running) return { code: undefined, shown: running.output };
    const command = this.#filled(step);
    const variable = /^(?:export )?[A-Za-z_]+=\S+( [A-Za-z_]+=\S+)*$/.test(command) || /^\w+=\$\(.*\)$/.test(command);
    if (variable) return await this.#assign(command);
    const program = this.#start(step, command, typing);
    if (typing.until === undefined) return await this.#end(program, typing);
    await program.until(typing.until, LIMIT_MS);
    const shown = shownBy(program, typing);
    this.#printed += shown;
    if (typing.thenStopped) await program.stop();
    else this.#terminals.set(step, program);
    return { code: undefined, shown };
  }

  async #assign(command: string): Promise<Typed> {
    const plain = command.replace(/^export /, '');
    const names = [...plain.matchAll(/(?:^| )([A-Za-z_]+)=/g)].map(([, name = '']) => name);
    const program = this.#start(command, `${plain}; printf '%s\\0' ${names.map((name) => `"$${name}"`).join(' ')}`, {
      like: /$/,
    });
    const { shown } = await this.#end(program, { like: /$/ });
    const values = shown.split('\0');
    names.forEach((name, at) => {
      this.#env[name] = values[at] ?? '';
    });
    return { code: 0, shown: '' };
  }

  async #end(program: Program, typing: Typing): Promise<Typed> {
    const wanted = typing.codes ?? [0];
    const timer = setTimeout(() => program.signal('SIGKILL'), LIMIT_MS);
    const { code } = await program.ended;
    clearTimeout(timer);
    const shown = shownBy(program, typing);
    this.#printed += shown;
    if (code === undefined || !wanted.includes(code))
      throw new Error(`ended with ${code ?? 'a signal'} instead of ${wanted.join(' or ')}:\n${shown}`);
    return { code, shown };
  }

  #start(step: string, command: string, typing: Typing): Program {
    const home = join(this.dir, typing.machine ?? 'user');
    if (mkdirSync(home, { recursive: true }) !== undefined) this.#options.files(home);
    const { PATH = '' } = process.env;
    const variables = Object.entries(this.#options.variables ?? {}).map(([name, of]) => [name, of(this.#printed)]);
    const env = { PATH, HOME: home, BOWLINE_PORT: String(this.port), ...Object.fromEntries(variables), ...this.#env };
    const words = ['sh', '-c', ONE_STREAM, 'sh', command];
    const at = { cwd: this.checkout, env };
    if (typing.terminal || typing.asks) {
      const terminal = new TerminalProgram(words, { columns: 80, rows: 24 }, at);
      if (typing.asks) acceptEach(terminal);
      return terminal.program;
    }
    const program = new Program(step, words, at);
    const input = typing.input?.(this.#printed);
    if (input === undefined || typing.until === undefined) program.child.stdin.end(input ?? '');
    else program.child.stdin.write(input);
    return program;
  }

  #filled(step: string): string {
    return this.#options.filled.reduce(
      (text, [what, by]) => text.replaceAll(new RegExp(what, 'g'), () => by(this.#printed)),
      step,
    );
  }
}

/** Presses Enter at each question. */
function acceptEach(terminal: TerminalProgram): void {
  let answered = 0;
  terminal.program.child.stdout.on('data', () => {
    const asked = terminal.program.stdout.split(QUESTION).length - 1;
    for (; answered < asked; answered++) terminal.type('\r');
  });
}

/** How a question begins while it waits for its answer. */
const QUESTION = '◆';

/** What a person saw of it. A terminal first tells its device; colours are not compared. */
const shownBy = ({ stdout }: Program, { terminal, asks }: Typing): string =>
  terminal || asks ? stripVTControlCharacters(stdout).replace(/^[^\n]*\n/, '') : stdout;
