// Finds redis-server, or installs it where that is possible.
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { aptInstall } from './apt.ts';

/** Where the message stands when it was tried in vain before all tests; nobody tries again then. */
export const NO_REDIS = 'BOWLINE_TEST_NO_REDIS';

const run = promisify(execFile);

/** The path of a server: the one installed, or one installed now (Debian, as root). Throws with what to do. */
export async function redisServer(): Promise<string> {
  const found = await installed();
  if (found) return found;
  const failed = process.env[NO_REDIS];
  if (failed) throw new Error(failed);
  const todo = 'install Redis 7 (redis-server on the PATH), or set BOWLINE_TEST_REDIS_URL to one that tests may use';
  return aptInstall(['redis-server'], installed, todo);
}

async function installed(): Promise<string | undefined> {
  const where = await run('sh', ['-c', 'command -v redis-server || command -v valkey-server']).catch(() => undefined);
  return where?.stdout.trim() || undefined;
}
