// The one way in which a program of ours ends itself: what it printed is written out, its exit code stays, and nothing can hold it up.
// Not for children of ours, which are ended from outside.
import { accessSync, constants, fstatSync, writeSync } from 'node:fs';
import { Socket } from 'node:net';
import { isatty } from 'node:tty';

const SHELL = '/bin/sh';

/** Ends the process once standard output and error took what was written to them, or after `flushMs`; default: however long a reader takes. */
export async function endProcess(code: number, flushMs?: number): Promise<never> {
  if (flushMs !== undefined) setTimeout(() => endNow(code), flushMs);
  await Promise.all([written(process.stdout), written(process.stderr)]);
  return endNow(code);
}

/**
 * Ends the process at once. `process.exit` first waits for V8's own threads, and one that waits in turn for a collection of garbage
 * never ends (seen in 2 of 250 starts with a small heap). Becoming a shell that only says the code needs none of them: the kernel
 * ends all threads. Where there is no shell, it is `process.exit`.
 */
export function endNow(code: number): never {
  if (isMainThread() && process.execve && hasShell()) {
    leaveAsFound();
    process.execve(SHELL, ['sh', '-c', `exit ${Number(code)}`], {});
  }
  process.exit(code);
}

/** Ends the process after `ms` if it is still there then. */
export function endWithin(ms: number, code: number): void {
  setTimeout(() => endNow(code), ms).unref();
}

/** Asked of a module that is loaded for it: at the end of a process its size is no matter. */
function isMainThread(): boolean {
  return process.getBuiltinModule('node:worker_threads').isMainThread;
}

function hasShell(): boolean {
  try {
    accessSync(SHELL, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

function written(stream: NodeJS.WriteStream): Promise<void> {
  if (stream.destroyed || stream.writableLength === 0) return Promise.resolve();
  return new Promise((resolve) => {
    stream.once('error', () => resolve()).once('close', () => resolve());
    stream.write('', () => resolve());
  });
}

/** Pipes and the terminal are shared with other programs: they get them back as Node's own end would leave them. */
function leaveAsFound(): void {
  giveTerminalBack();
  const streams = [() => process.stdin, () => process.stdout, () => process.stderr];
  for (const [fd, stream] of streams.entries()) {
    try {
      const kind = fstatSync(fd);
      if (!kind.isFIFO() && !kind.isSocket()) continue;
      block(stream()) || block(new Socket({ fd, readable: false, writable: false }));
    } catch {
      // Closed, or of a kind that knows no blocking.
    }
  }
}

/** True if the stream still had its handle. */
function block(stream: object): boolean {
  const handle = (stream as { _handle?: { setBlocking?(on: boolean): void } | null })._handle;
  handle?.setBlocking?.(true);
  return Boolean(handle);
}

const SHOW_CURSOR = '\x1b[0m\x1b[?25h';

/** The terminal whose keys are read one by one reads lines again, and shows its cursor. */
export function giveTerminalBack(): void {
  if (!isatty(0) || !process.stdin.isRaw) return;
  process.stdin.setRawMode(false);
  try {
    // Not through the stream: the process may be at its end. What is read and written is the same terminal.
    writeSync(isatty(1) ? 1 : 2, SHOW_CURSOR);
  } catch {
    // Whoever read it is gone.
  }
}
