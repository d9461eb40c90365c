// Finds redis-server, or installs it where that is possible (Debian, as root): once, quietly, one process at a time.
import { execFile } from 'node:child_process';
import { mkdir, rm, rmdir, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';

/** Where the message stands when it was tried in vain before all tests; nobody tries again then. */
export const NO_REDIS = 'BOWLINE_TEST_NO_REDIS';

const run = promisify(execFile);

/** The path of a server: the one installed, or one installed now (Debian, as root). Throws with what to do. */
export async function redisServer(): Promise<string> {
  const found = await installed();
  if (found) return found;
  const failed = process.env[NO_REDIS];
  if (failed) throw new Error(failed);
  const apt = await run('sh', ['-c', 'command -v apt-get']).catch(() => undefined);
  const todo = 'install Redis 7 (redis-server on the PATH), or set BOWLINE_TEST_REDIS_URL to one that tests may use';
  if (process.getuid?.() !== 0 || !apt) throw new Error(`no redis-server is on the PATH: ${todo}`);
  const unlock = await lock(join(tmpdir(), 'bowline-test-redis-install.lock'));
  try {
    const meanwhile = await installed();
    if (meanwhile) return meanwhile;
    // The package would start a server of its own; a policy says no, unless the machine has one already.
    const policy = '/usr/sbin/policy-rc.d';
    const wrote = await writeFile(policy, '#!/bin/sh\nexit 101\n', { mode: 0o755, flag: 'wx' }).then(
      () => true,
      () => false,
    );
    const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' };
    const install = () =>
      run('apt-get', ['install', '-y', '-q', '--no-install-recommends', 'redis-server'], { env, timeout: 240_000 });
    try {
      await install().catch(async () => {
        await run('apt-get', ['update', '-q'], { env, timeout: 120_000 });
        await install();
      });
    } finally {
      if (wrote) await rm(policy, { force: true });
    }
    const now = await installed();
    if (now) return now;
    throw new Error('the package has no redis-server');
  } catch (error) {
    throw new Error(`redis-server could not be installed with apt-get: ${todo}`, { cause: error });
  } finally {
    await unlock();
  }
}

async function installed(): Promise<string | undefined> {
  const where = await run('sh', ['-c', 'command -v redis-server || command -v valkey-server']).catch(() => undefined);
  return where?.stdout.trim() || undefined;
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
