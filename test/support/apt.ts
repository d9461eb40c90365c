// Installs packages of Debian for the tests where that is possible (Debian, as root): quietly, one process at a time.
import { execFile } from 'node:child_process';
import { mkdir, rm, rmdir, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);

/**
 * Installs packages unless `there` says that what they bring is there. Resolves with what it says then. Throws with `todo`, what a
 * person can do, where nothing can be installed.
 */
export async function aptInstall<T>(
  packages: readonly string[],
  there: () => Promise<T | undefined>,
  todo: string,
): Promise<T> {
  const found = await there();
  if (found !== undefined) return found;
  const apt = await run('sh', ['-c', 'command -v apt-get']).catch(() => undefined);
  if (process.getuid?.() !== 0 || !apt) throw new Error(`${packages.join(', ')} missing: ${todo}`);
  const unlock = await lock(join(tmpdir(), 'bowline-test-apt.lock'));
  try {
    const meanwhile = await there();
    if (meanwhile !== undefined) return meanwhile;
    // A package would start a server of its own; a policy says no, unless the machine has one already.
    const policy = '/usr/sbin/policy-rc.d';
    const wrote = await writeFile(policy, '#!/bin/sh\nexit 101\n', { mode: 0o755, flag: 'wx' }).then(
      () => true,
      () => false,
    );
    const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' };
    const install = () =>
      run('apt-get', ['install', '-y', '-q', '--no-install-recommends', ...packages], { env, timeout: 240_000 });
    try {
      await install().catch(async () => {
        await run('apt-get', ['update', '-q'], { env, timeout: 120_000 });
        await install();
      });
    } finally {
      if (wrote) await rm(policy, { force: true });
    }
    const now = await there();
    if (now !== undefined) return now;
    throw new Error('the packages do not bring what is wanted');
  } catch (error) {
    throw new Error(`${packages.join(', ')} could not be installed with apt-get: ${todo}`, { cause: error });
  } finally {
    await unlock();
  }
}

/** One process at a time; a lock that is older than ten minutes belongs to one that died. */
async function lock(path: string): Promise<() => Promise<void>> {
  for (;;) {
    try {
      await mkdir(path);
      return async () => void (await rmdir(path).catch(() => undefined));
    } catch {
      const since = await stat(path).catch(() => undefined);
      if (since && Date.now() - since.mtimeMs > 600_000) await rmdir(path).catch(() => undefined);
      else await new Promise((resolve) => setTimeout(resolve, 200));
    }
  }
}
