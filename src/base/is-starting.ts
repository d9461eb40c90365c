// Whether the control plane of a home has begun to start and has not said yet that it is ready.
import { readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import type { HomePaths } from './home.ts';
import { isAlive } from './is-alive.ts';

/** What a killed one left is not believed: its process is gone, and what it said when it was ready is older than the next lock. */
export function isStarting({ home, controlInfo }: HomePaths): boolean {
  const file = join(home, 'control.pid');
  try {
    const begun = statSync(file).mtimeMs;
    if (!isAlive(Number.parseInt(readFileSync(file, 'utf8'), 10))) return false;
    const told = statSync(controlInfo, { throwIfNoEntry: false });
    return told === undefined || told.mtimeMs < begun;
  } catch {
    return false;
  }
}
