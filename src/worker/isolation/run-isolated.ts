// Runs one program in isolation from its start to the end of its last process. What the machine offers is passed in.

import { constants } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import { constants as os, setPriority } from 'node:os';
import type { Clock } from '../../base/clock.ts';
import { AppError } from '../../base/errors.ts';
import type { Bubblewrap } from './bubblewrap-args.ts';
import { IsolatedChild, type IsolatedChildEnd } from './isolated-child.ts';
import { FOLDER, type IsolatedEnd, type IsolatedSpec, type MetLimit } from './isolated-spec.ts';
import type { Meter } from './meter.ts';
import { type Seen, Watch } from './watch.ts';

/** Time until everything is set up, and until everything has ended after it was killed. */
const START_MS = 20_000;
const END_MS = 20_000;

/** Programs give way to the worker's own work. */
const PRIORITY = 10;

/** Where memory is only looked at, one process may claim this much beyond what all may use; V8 claims much that it never uses. */
const CLAIM_BYTES = 1 << 30;

/** Where a cgroup counts processes, the limit of the user stands so far above that it is never met first: it tells nobody. */
const SPARE = 64;

/** Signals that come of memory that could not be had, when this share of it was in use: the system does not say so itself. */
const MUCH = 0.75;
const MEMORY_SIGNALS = new Set(['SIGKILL', 'SIGABRT', 'SIGTRAP', 'SIGILL', 'SIGSEGV', 'SIGBUS']);

/**
 * Resolves when every process has ended, also after a limit. Throws SANDBOX_UNAVAILABLE when it did not come to run, and the
 * signal's reason after everything was ended for it.
 */
export async function runIsolated(
  bubblewrap: Bubblewrap,
  meter: Meter,
  spec: IsolatedSpec,
  stop: AbortSignal,
  clock: Clock,
): Promise<IsolatedEnd> {
  stop.throwIfAborted();
  const { argv, env = {}, mounts = [], files = [], stdin = '', limits, onOutput = () => {}, afterwards } = spec;
  const own = meter.bounds
    ? { dataBytes: undefined, userProcesses: limits.processes + SPARE }
    : { dataBytes: limits.memoryBytes + CLAIM_BYTES, userProcesses: limits.processes + 1 };
  const call = { argv, env, mounts, files: files.map(({ path }) => path), limits, ...own };
  const child = new IsolatedChild(bubblewrap, call, files);
  let met: MetLimit | undefined;
  const meet = (limit: MetLimit) => {
    met ??= limit;
    child.kill();
  };
  // After a pause of the whole machine the end of the program may be known in a moment, and then it was in time.
  const late = () => setImmediate(() => child.over || meet('time'));
  let left = limits.outputBytes;
  let truncated = false;
  child.onOutput((stream, data) => {
    const part = data.subarray(0, left);
    left -= part.length;
    if (part.length > 0) onOutput(stream, part);
    if (part.length === data.length) return;
    truncated = true;
    meet('output');
  });
  const kill = () => child.kill();
  stop.addEventListener('abort', kill, { once: true });
  let folder: FileHandle | undefined;
  let watch: Watch | undefined;
  let slow = false;
  const timers: (() => void)[] = [];
  timers.push(
    clock.after(START_MS, () => {
      slow = true;
      child.kill();
    }),
  );
  try {
    folder = await prepare(child, meter).catch((error: unknown) => {
      stop.throwIfAborted();
      const why = `it was not ready after ${START_MS} ms`;
      throw slow ? new AppError('SANDBOX_UNAVAILABLE', { why, todo: 'look at the load of this machine' }) : error;
    });
    timers.shift()!();
    stop.throwIfAborted();
    const scratch = `/proc/self/fd/${folder.fd}`;
    watch = new Watch({ meter, limits, scratch, clock, onMet: meet });
    const start = clock.monotonic();
    timers.push(clock.after(limits.wallMs, late));
    child.begin(stdin);
    const end = await child.ended;
    const wallMs = clock.monotonic() - start;
    const seen = await watch.end();
    watch = undefined;
    stop.throwIfAborted();
    await afterwards?.(scratch);
    const { cpuMs, peakMemoryBytes } = seen;
    return { ...told(end), limit: met ?? judge(told(end), seen, spec), wallMs, cpuMs, peakMemoryBytes, truncated };
  } finally {
    for (const cancel of timers) cancel();
    child.kill();
    await within(END_MS, child, clock);
    stop.removeEventListener('abort', kill);
    await watch?.end();
    await folder?.close();
  }
}

/** A cgroup takes a process in slowly (10 ms), so that is done while its surroundings are made; it has no others yet. */
async function prepare(child: IsolatedChild, meter: Meter): Promise<FileHandle> {
  const first = await child.first;
  const added = meter.add(first);
  // What bubblewrap says of a failure tells more than that its process is gone.
  added.catch(() => {});
  await child.ready;
  await added;
  lower(first);
  return openFolder(first);
}

/** Keeps hold of the program's folder, which then lasts beyond its last process. */
async function openFolder(first: number): Promise<FileHandle> {
  try {
    return await open(
      `/proc/${first}/root${FOLDER}`,
      constants.O_RDONLY | constants.O_DIRECTORY | constants.O_NOFOLLOW,
    );
  } catch (cause) {
    const todo = 'run the worker as a user that is not root, or give it CAP_SYS_PTRACE';
    throw new AppError('SANDBOX_UNAVAILABLE', { why: 'the worker may not look into the sandbox', todo }, { cause });
  }
}

function lower(pid: number): void {
  try {
    setPriority(pid, PRIORITY);
  } catch {
    // Without it programs only compete more.
  }
}

/** A program that is not to be ended must not take its caller along. */
async function within(ms: number, child: IsolatedChild, clock: Clock): Promise<void> {
  let cancel: () => void = () => {};
  const late = new Promise<void>((resolve) => {
    cancel = clock.after(ms, resolve);
  });
  await Promise.race([child.ended.catch(() => {}), late]);
  cancel();
  child.abandon();
}

/** Of two names for one number the first counts: SIGABRT, not SIGIOT. */
const SIGNALS = new Map<number, string>(
  Object.entries(os.signals)
    .reverse()
    .map(([name, number]) => [number, name]),
);

/** bubblewrap and the shell tell a signal as 128 and its number. */
function told({ code, signal }: IsolatedChildEnd): { readonly code: number; readonly signal: string } {
  if (code === null) return { code: -1, signal: signal ?? '' };
  const name = code > 128 ? SIGNALS.get(code - 128) : undefined;
  return name === undefined ? { code, signal: '' } : { code: -1, signal: name };
}

/** The limit that a program ended for by itself or by the system's hand, as far as that can be told. */
function judge(
  { code, signal }: { readonly code: number; readonly signal: string },
  { cpuMs = 0, peakMemoryBytes = 0, refused, ended }: Seen,
  { limits }: IsolatedSpec,
): MetLimit | undefined {
  if (ended) return ended;
  if (code === 0) return undefined;
  if (signal === 'SIGXCPU' || (signal === 'SIGKILL' && cpuMs >= limits.cpuMs)) return 'cpu';
  if (MEMORY_SIGNALS.has(signal) && peakMemoryBytes >= limits.memoryBytes * MUCH) return 'memory';
  return refused[0];
}
