// Starts bubblewrap, feeds it, and ends it: the process and its descriptors. It knows limits only as options.
import { type ChildProcess, spawn } from 'node:child_process';
import { Readable, type Writable } from 'node:stream';
import { AppError } from '../../base/errors.ts';
import { type Stdio, withOnly } from '../../base/open-descriptors.ts';
import { type Bubblewrap, type BubblewrapCall, bubblewrapArgs, FD, USERS } from './bubblewrap-args.ts';
import type { PlacedFile } from './isolated-spec.ts';

/** Words of bubblewrap about a failure, at most. */
const SAID_BYTES = 4096;

export interface IsolatedChildEnd {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

export class IsolatedChild {
  /** The first process inside, as this process numbers it; it is still at work on its surroundings. */
  readonly first: Promise<number>;
  /** Everything is ready and nothing has begun. */
  readonly ready: Promise<void>;
  /** After the last process inside has ended and all output was read. */
  readonly ended: Promise<IsolatedChildEnd>;
  readonly #child: ChildProcess;
  #pid: number | undefined;
  #over = false;
  #begun = false;
  #said = '';

  constructor(bubblewrap: Bubblewrap, call: BubblewrapCall, files: readonly PlacedFile[]) {
    try {
      const own = { ...bubblewrap.as, cwd: '/', env: {} };
      const pipes = Array.from({ length: FD.files + files.length }, (): Stdio => 'pipe');
      this.#child = withOnly(pipes, (stdio) =>
        // A group of its own: until its first process has one for itself, all of it can be ended as one.
        spawn(bubblewrap.program, bubblewrapArgs(bubblewrap, call), { ...own, detached: true, stdio }),
      );
    } catch (cause) {
      if (cause instanceof AppError) throw cause;
      const nul = cause instanceof Error && 'code' in cause && cause.code === 'ERR_INVALID_ARG_VALUE';
      if (nul)
        throw new AppError('INVALID_ARGUMENT', { what: 'a word of the program holds a NUL character' }, { cause });
      throw unavailable('bubblewrap could not be started', cause);
    }
    this.ended = this.#end();
    this.ended.catch(() => {});
    this.first = this.#first();
    this.ready = this.#ready();
    this.first.catch(() => {});
    this.ready.catch(() => {});
    // Without a process (too many of them, or of open files) there may be no pipes either; `ended` tells.
    if (this.#child.pid === undefined) return;
    for (const stream of this.#child.stdio) stream?.on('error', () => {});
    this.#pipe(FD.filter).end(bubblewrap.filter ?? '');
    this.#pipe(FD.users).end(USERS);
    files.forEach(({ data }, i) => {
      this.#pipe(FD.files + i).end(data);
    });
  }

  /** Output of the program; nothing of it before `begin`. */
  onOutput(see: (stream: 'stdout' | 'stderr', data: Buffer) => void): void {
    const { stdout, stderr } = this.#child;
    stdout?.on('data', (data: Buffer) => this.#begun && see('stdout', data));
    stderr?.on('data', (data: Buffer) => {
      if (this.#begun) see('stderr', data);
      else this.#said = (this.#said + data.toString()).slice(0, SAID_BYTES);
    });
  }

  /** Lets the program begin. */
  begin(stdin: string | Uint8Array | Readable): void {
    this.#begun = true;
    const to = this.#child.stdin;
    if (to && stdin instanceof Readable) stdin.pipe(to);
    else to?.end(stdin);
    this.#pipe(FD.go).end('go\n');
  }

  /** Whether it is known to have ended. */
  get over(): boolean {
    return this.#over;
  }

  /** Ends every process inside. */
  kill(): void {
    if (this.#over) return;
    // The first process of a namespace takes all others along, and bubblewrap tells its end; without it bubblewrap is all there is.
    if (this.#pid !== undefined) send(this.#pid);
    else if (this.#child.pid !== undefined) send(-this.#child.pid);
  }

  /** Gives up output that nobody will end. */
  abandon(): void {
    if (this.#child.pid !== undefined && !this.#over) send(-this.#child.pid);
    for (const stream of this.#child.stdio ?? []) stream?.destroy();
  }

  #end(): Promise<IsolatedChildEnd> {
    return new Promise((resolve, reject) => {
      this.#child.once('error', (cause) => {
        this.#over = true;
        reject(unavailable('bubblewrap could not be started', cause));
      });
      this.#child.once('exit', () => {
        this.#over = true;
      });
      this.#child.once('close', (code, signal) => resolve({ code, signal }));
    });
  }

  async #first(): Promise<number> {
    if (this.#child.pid === undefined) throw await this.#failure();
    const info = await this.#orEnd(text(this.#pipe(FD.info)));
    const pid = Number(/"child-pid"\s*:\s*(\d+)/.exec(info)?.[1]);
    if (!Number.isInteger(pid)) throw await this.#failure();
    this.#pid = pid;
    return pid;
  }

  async #ready(): Promise<void> {
    if (this.#child.pid === undefined) throw await this.#failure();
    const word = await this.#orEnd(text(this.#pipe(FD.ready), 1));
    if (word !== 'r') throw await this.#failure();
    await this.first;
  }

  #orEnd(word: Promise<string>): Promise<string> {
    return Promise.race([word, this.ended.then(() => '')]);
  }

  async #failure(): Promise<AppError> {
    await this.ended;
    return unavailable(this.#said.trim() || 'bubblewrap ended without a word');
  }

  /** All descriptors are two-way, whatever they are used for. */
  #pipe(fd: number): Readable & Writable {
    return this.#child.stdio[fd] as unknown as Readable & Writable;
  }
}

function unavailable(why: string, cause?: unknown): AppError {
  return new AppError('SANDBOX_UNAVAILABLE', { why, todo: 'see docs/security.md' }, { cause });
}

function send(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch {
    // It has ended already.
  }
}

/** Everything that is said until the end, or until so many bytes came. */
function text(stream: Readable, bytes = SAID_BYTES): Promise<string> {
  return new Promise((resolve) => {
    let said = '';
    stream.on('data', (data: Buffer) => {
      said = (said + data.toString()).slice(0, bytes);
      if (said.length >= bytes) resolve(said);
    });
    stream.once('close', () => resolve(said));
    stream.once('end', () => resolve(said));
  });
}
