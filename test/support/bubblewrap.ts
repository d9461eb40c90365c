// Finds bubblewrap, or installs it where that is possible, and says whether programs can be isolated with it here.

import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { systemClock } from '../../src/base/clock.ts';
import { AppError } from '../../src/base/errors.ts';
import { silentLogger } from '../../src/base/logger.ts';
import { openIsolation } from '../../src/worker/isolation/open-isolation.ts';
import { aptInstall } from './apt.ts';

/** Where the message stands when it was tried in vain before all tests; nobody tries again then. */
export const NO_BUBBLEWRAP = 'BOWLINE_TEST_NO_BUBBLEWRAP';

const run = promisify(execFile);

/** The path of the program: the one installed, or one installed now (Debian, as root). Throws with what to do. */
export async function bubblewrap(): Promise<string> {
  const found = await installed();
  if (found) return found;
  const failed = process.env[NO_BUBBLEWRAP];
  if (failed) throw new Error(failed);
  return aptInstall(['bubblewrap'], installed, 'install bubblewrap 0.8 or later (bwrap on the PATH)');
}

async function installed(): Promise<string | undefined> {
  const where = await run('sh', ['-c', 'command -v bwrap']).catch(() => undefined);
  return where?.stdout.trim() || undefined;
}

/** Why no program can be isolated here; undefined where it can. A test that is skipped for it has it in its name. */
export async function whyNotIsolated(): Promise<string | undefined> {
  try {
    await bubblewrap();
    await openIsolation({ clock: systemClock, log: silentLogger });
    return undefined;
  } catch (error) {
    if (error instanceof AppError && error.reason !== 'SANDBOX_UNAVAILABLE') throw error;
    return (error as Error).message;
  }
}
