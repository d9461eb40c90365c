// One child process without a shell: its own process group, a clean environment, bounded output, an end that is certain.
import { type ChildProcessByStdio, spawn } from 'node:child_process';
import type { Readable, Writable } from 'node:stream';
import type { Clock } from '../../../base/clock.ts';
import { AppError } from '../../../base/errors.ts';
import { PROGRAM_PATH } from './find-program.ts';
import type { Isolation } from './isolation.ts';

export interface ChildSpec {
  /** The file to run. */
  readonly program: string;
  /** All words, the program's name first. */
  readonly argv: readonly string[];
  readonly cwd: string;
  readonly env: Readonly<Record<string, string>>;
  readonly stdin: string;
  /** Undefined: as the edge itself. */
  readonly isolation: Isolation | undefined;
  /** Most bytes of both streams together; the rest is dropped. */
  readonly maxOutput: number;
  /** Sees each piece of output. */
  readonly onOutput: (stream: 'stdout' | 'stderr', data: Uint8Array) => void;
}

export interface ChildExit {
  /** -1 when a signal ended it. */
  readonly code: number;
  readonly signal: string;
  readonly truncated: boolean;
}

/** Between the wish to stop and the order. */
const GRACE_MS = 2000;
/** How long output may still come after the end, from children that hold on to it. */
const LAST_WORDS_MS = 500;

type Child = ChildProcessByStdio<Writable, Readable, Readable>;

/** Runs to the end or until `stop` aborts: SIGTERM to the whole group, then SIGKILL. @throws COMMAND_FAILED_TO_START */
export function runChild(spec: ChildSpec, stop: AbortSignal, clock: Clock): Promise<ChildExit> {
  return new Promise((resolve, reject) => {
    let child: Child;
    try {
      child = start(spec);
    } catch (cause) {
      reject(new AppError('COMMAND_FAILED_TO_START', {}, { cause }));
      return;
    }
    const timers: (() => void)[] = [];
    const onStop = () => {
      signalGroup(child, 'SIGTERM');
      timers.push(clock.after(GRACE_MS, () => signalGroup(child, 'SIGKILL')));
    };
    const truncated = collect(child, spec);
    let exit: ChildExit | undefined;
    const finish = () => {
      for (const cancel of timers) cancel();
      stop.removeEventListener('abort', onStop);
      child.stdout.destroy();
      child.stderr.destroy();
    };
    child.once('error', (cause) => {
      finish();
      reject(new AppError('COMMAND_FAILED_TO_START', {}, { cause }));
    });
    child.once('exit', (code, signal) => {
      // What it left behind in its group ends with it.
      signalGroup(child, 'SIGKILL');
      exit = { code: code ?? -1, signal: signal ?? '', truncated: false };
      timers.push(
        clock.after(LAST_WORDS_MS, () => {
          child.stdout.destroy();
          child.stderr.destroy();
        }),
      );
    });
    child.once('close', () => {
      finish();
      if (exit) resolve({ ...exit, truncated: truncated() });
    });
    if (stop.aborted) onStop();
    else stop.addEventListener('abort', onStop, { once: true });
    child.stdin.on('error', () => {});
    child.stdin.end(spec.stdin);
  });
}

function start({ program, argv, cwd, env, isolation }: ChildSpec): Child {
  const stdio: ['pipe', 'pipe', 'pipe'] = ['pipe', 'pipe', 'pipe'];
  const base = { stdio, detached: true, env: { PATH: PROGRAM_PATH, LANG: 'C.UTF-8', HOME: '/', ...env } };
  const [name = program, ...words] = argv;
  if (isolation?.kind === 'bubblewrap') {
    const { options } = isolation;
    return spawn(isolation.program, [...options, '--chdir', cwd, '--', program, ...words], { ...base, cwd: '/' });
  }
  const { uid, gid } = isolation ?? {};
  const other = uid === undefined || gid === undefined ? {} : { uid, gid };
  return spawn(program, words, { ...base, ...other, cwd, argv0: name });
}

function signalGroup(child: Child, signal: 'SIGTERM' | 'SIGKILL'): void {
  if (child.pid === undefined) return;
  try {
    process.kill(-child.pid, signal);
  } catch {
    // The group is empty already.
  }
}

/** Hands out what fits and reads on what does not, so that the child never waits for its reader. */
function collect(child: Child, { maxOutput, onOutput }: ChildSpec): () => boolean {
  let left = maxOutput;
  let dropped = false;
  const take = (stream: 'stdout' | 'stderr') => (data: Buffer) => {
    const part = data.subarray(0, left);
    left -= part.length;
    if (part.length < data.length) dropped = true;
    if (part.length > 0) onOutput(stream, part);
  };
  child.stdout.on('data', take('stdout'));
  child.stderr.on('data', take('stderr'));
  return () => dropped;
}
