// One child process without a shell: its own process group, a clean environment, no descriptor but those it is given, bounded output, an end
// that is certain.
import { type ChildProcess, spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { constants } from 'node:os';
import type { Duplex, Writable } from 'node:stream';
import type { Clock } from '../../../base/clock.ts';
import { AppError } from '../../../base/errors.ts';
import { type Stdio, withOnly } from '../../../base/open-descriptors.ts';
import { PROGRAM_PATH } from './find-program.ts';
import { CHANGED, FIRST_DESCRIPTOR, GO, READY, STATUS_FD } from './launcher.ts';
import { HELD, type Launch } from './plan-launch.ts';
import { ENDED } from './preview/overlay-script.ts';

export interface ChildSpec {
  readonly launch: Launch;
  readonly env: Readonly<Record<string, string>>;
  readonly stdin: string;
  /** Most bytes of both streams together; the rest is dropped. */
  readonly maxOutput: number;
  /** Sees what the command has left, before that goes; only of a launch that holds it. */
  readonly onEnded?: (pid: number) => Promise<void>;
  /** Sees each piece of output. */
  readonly onOutput: (stream: 'stdout' | 'stderr', data: Uint8Array) => void;
}

export interface ChildExit {
  /** -1 when a signal ended it. */
  readonly code: number;
  readonly signal: string;
  readonly truncated: boolean;
  /** Whether it was asked to end, and not only late in telling that it had. */
  readonly stopped: boolean;
}

/** Between the wish to stop and the order. */
export const GRACE_MS = 2000;
/** How long output may still come after the end, from children that hold on to it. */
export const LAST_WORDS_MS = 500;
/** Words of a launcher about a failure, at most. */
const SAID_BYTES = 4096;

/**
 * Runs to the end or until `stop` aborts: SIGTERM to the command, then SIGKILL to all of it.
 * @throws COMMAND_FAILED_TO_START, FILE_CHANGED when something that it was to see is no longer what was opened
 */
export function runChild(spec: ChildSpec, stop: AbortSignal, clock: Clock): Promise<ChildExit> {
  const { launch } = spec;
  return new Promise((resolve, reject) => {
    let child: ChildProcess;
    try {
      child = start(spec);
    } catch (cause) {
      reject(cause instanceof AppError ? cause : failed(cause));
      return;
    }
    const timers: (() => void)[] = [];
    const output = new Output(child, spec);
    let failure: unknown;
    output.onEnded = () => {
      const seen = stopped || child.pid === undefined ? undefined : spec.onEnded?.(child.pid);
      Promise.resolve(seen)
        .catch((error: unknown) => {
          failure = error;
        })
        .finally(() => release(child, launch));
    };
    let exit: Omit<ChildExit, 'truncated'> | undefined;
    let stopped = false;
    const onStop = () => {
      // After a pause of the whole machine the end of the command may be known in a moment, and then it was not stopped.
      setImmediate(() => {
        if (exit) return;
        stopped = true;
        askToEnd(child, launch.depth);
        timers.push(clock.after(GRACE_MS, () => end(child)));
      });
    };
    const finish = () => {
      for (const cancel of timers) cancel();
      stop.removeEventListener('abort', onStop);
      for (const stream of child.stdio) stream?.destroy();
    };
    child.once('error', (cause) => {
      finish();
      reject(failed(cause));
    });
    child.once('exit', (code, signal) => {
      // What it left behind in its group ends with it.
      end(child);
      exit = { ...told(code, signal, launch), stopped };
      timers.push(clock.after(LAST_WORDS_MS, () => output.close()));
    });
    child.once('close', () => {
      finish();
      if (!exit) return;
      if (failure !== undefined) reject(failure);
      else if (output.begun || stopped) resolve({ ...exit, truncated: output.truncated });
      else
        reject(
          output.changed ? new AppError('FILE_CHANGED') : failed(output.said || 'its launcher ended without a word'),
        );
    });
    if (stop.aborted) onStop();
    else stop.addEventListener('abort', onStop, { once: true });
    child.stdin?.on('error', () => {});
    child.stdin?.end(spec.stdin);
  });
}

const failed = (cause: unknown) => new AppError('COMMAND_FAILED_TO_START', {}, { cause });

function start({ launch, env }: ChildSpec): ChildProcess {
  const { file, words, argv0, cwd, uid, gid, descriptors, launcher, home } = launch;
  const more = descriptors.map((one) => (typeof one === 'number' ? one : 'pipe'));
  const given: Stdio[] = ['pipe', 'pipe', 'pipe', launcher ? 'pipe' : 'ignore', ...more];
  const child = withOnly(given, (stdio) =>
    spawn(file, words, {
      stdio,
      cwd,
      detached: true,
      env: { PATH: PROGRAM_PATH, LANG: 'C.UTF-8', HOME: home, ...env },
      ...(argv0 === undefined ? {} : { argv0 }),
      ...(uid === undefined ? {} : { uid, gid: gid ?? uid }),
    }),
  );
  descriptors.forEach((bytes, i) => {
    const to = child.stdio?.[FIRST_DESCRIPTOR + i] as Writable | null | undefined;
    if (typeof bytes === 'number' || !to) return;
    to.on('error', () => {});
    if (bytes !== HELD) to.end(bytes);
  });
  return child;
}

/** Lets go of what was held for the one who started it. */
function release(child: ChildProcess, { descriptors }: Launch): void {
  const held = descriptors.indexOf(HELD);
  if (held >= 0) child.stdio[FIRST_DESCRIPTOR + held]?.destroy();
}

/** SIGTERM to the command: to all of its group, or to what the first process of its namespace has started. */
function askToEnd(child: ChildProcess, depth: Launch['depth']): void {
  if (child.pid === undefined) return;
  const below = depth === 0 ? [] : childrenAt(child.pid, depth);
  // Nothing is there yet, or it cannot be told: then it ends at once.
  if (depth > 0 && below.length === 0) end(child);
  else for (const pid of depth === 0 ? [-child.pid] : below) send(pid, 'SIGTERM');
}

/** All of it; a namespace ends with its first process, and that with the one that was started. */
function end(child: ChildProcess): void {
  if (child.pid === undefined) return;
  for (let depth = 4; depth > 0; depth--) for (const pid of childrenAt(child.pid, depth)) send(pid, 'SIGKILL');
  send(-child.pid, 'SIGKILL');
}

/** So many processes below. */
const childrenAt = (pid: number, depth: number): number[] =>
  depth === 0 ? [pid] : childrenOf(pid).flatMap((child) => childrenAt(child, depth - 1));

function childrenOf(pid: number): number[] {
  try {
    return readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').split(' ').filter(Boolean).map(Number);
  } catch {
    return [];
  }
}

function send(pid: number, signal: 'SIGTERM' | 'SIGKILL'): void {
  try {
    process.kill(pid, signal);
  } catch {
    // It has ended already.
  }
}

const SIGNALS = new Map(Object.entries(constants.signals).map(([name, number]) => [number, name]));

/** What stands between tells the signal that ended a command as 128 and its number, as shells do. */
function told(code: number | null, signal: string | null, { depth }: Launch): { code: number; signal: string } {
  if (code === null) return { code: -1, signal: signal ?? '' };
  const name = depth > 0 && code > 128 ? SIGNALS.get(code - 128) : undefined;
  return name === undefined ? { code, signal: '' } : { code: -1, signal: name };
}

/** Hands out what fits and reads on what does not, so that the child never waits for its reader. What comes before the command is not its. */
class Output {
  begun: boolean;
  onEnded: () => void = () => {};
  changed = false;
  truncated = false;
  readonly #child: ChildProcess;
  readonly #spec: ChildSpec;
  readonly #early: { readonly stream: 'stdout' | 'stderr'; readonly data: Buffer }[] = [];
  #left: number;
  #told = '';
  readonly #status: Duplex | null;

  constructor(child: ChildProcess, spec: ChildSpec) {
    this.#child = child;
    this.#spec = spec;
    this.#left = spec.maxOutput;
    this.begun = !spec.launch.launcher;
    for (const stream of ['stdout', 'stderr'] as const) {
      child[stream]?.on('data', (data: Buffer) => this.#receive(stream, data));
    }
    this.#status = spec.launch.launcher ? (child.stdio[STATUS_FD] as Duplex | null) : null;
    this.#status?.on('error', () => {});
    this.#status?.on('data', (data: Buffer) => this.#hear(data.toString('latin1')));
  }

  /** What was said instead of the command. */
  get said(): string {
    return Buffer.concat(this.#early.map(({ data }) => data))
      .toString()
      .slice(0, SAID_BYTES);
  }

  close(): void {
    for (const stream of this.#child.stdio.slice(1)) stream?.destroy();
  }

  #receive(stream: 'stdout' | 'stderr', data: Buffer): void {
    const part = data.subarray(0, this.#left);
    this.#left -= part.length;
    if (part.length < data.length) this.truncated = true;
    if (part.length === 0) return;
    if (this.begun) this.#spec.onOutput(stream, part);
    else this.#early.push({ stream, data: part });
  }

  #hear(words: string): void {
    this.#told = (this.#told + words).slice(0, 64);
    this.changed = this.#told === `${CHANGED}\n`;
    if (!this.begun && this.#told.startsWith(`${READY}\n`)) {
      this.begun = true;
      this.#status?.write(GO);
      for (const { stream, data } of this.#early.splice(0)) this.#spec.onOutput(stream, data);
    }
    // A launcher that holds a command which never began has nothing to show either.
    if (this.#told.endsWith('\n') && this.#told.includes(ENDED)) this.onEnded();
  }
}
