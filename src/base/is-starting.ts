// Whether the control plane of a home has begun to start and has not said yet that it is ready, and what it waits for meanwhile.
import { appendFileSync, statSync, utimesSync } from 'node:fs';
import { join } from 'node:path';
import { AppError } from './errors.ts';
import type { HomePaths } from './home.ts';
import { isAlive } from './is-alive.ts';
import { textIfSmall } from './read-small.ts';

const pidFile = (home: string): string => join(home, 'control.pid');

/** What a killed one left is not believed: its process is gone, and what it said when it was ready is older than the next lock. */
export const isStarting = (paths: HomePaths): boolean => waitOfStart(paths) !== undefined;

/** Nobody answers there: STARTING while what would answer starts in this home, else NOT_RUNNING. */
export function notRunning(paths: HomePaths, where: string, cause?: unknown): AppError {
  const { home } = paths;
  const wait = waitOfStart(paths);
  const options = cause === undefined ? {} : { cause };
  if (wait === undefined) return new AppError('NOT_RUNNING', { where, home }, options);
  return new AppError('STARTING', { home, wait: wait || 'look again in a moment' }, options);
}

/** Most that is written down beside the pid. */
const MOST_BYTES = 4096;

/** Writes down for the other programs of the home what a start waits for. Throws nothing. */
export function noteWait(home: string, what: string): void {
  const file = pidFile(home);
  try {
    const { atime, mtime, size } = statSync(file);
    if (size > MOST_BYTES) return;
    appendFileSync(file, `${what.replaceAll('\n', ' ').slice(0, 500)}\n`);
    // When it began is told by the time of this file.
    utimesSync(file, atime, mtime);
  } catch {
    // Its terminal says it.
  }
}

/** Empty when it did not say; undefined when nothing starts. */
function waitOfStart({ home, controlInfo }: HomePaths): string | undefined {
  const file = pidFile(home);
  try {
    const begun = statSync(file).mtimeMs;
    const [pid = '', ...said] = (textIfSmall(file, 2 * MOST_BYTES) ?? '').trim().split('\n');
    if (!isAlive(Number.parseInt(pid, 10))) return undefined;
    const told = statSync(controlInfo, { throwIfNoEntry: false });
    return told === undefined || told.mtimeMs < begun ? (said.at(-1) ?? '') : undefined;
  } catch {
    return undefined;
  }
}
