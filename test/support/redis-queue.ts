// Looks into the queues in Redis from outside, as an operator could: lets locks lapse now instead of after their time.
import { createRedisBackend } from 'bullmq';
import type { Redis } from 'ioredis';

/** Lets every lock held under the key prefix lapse, and does what the regular looks for lapsed locks would do then. */
export async function lapseLocks(admin: Redis, prefix: string): Promise<void> {
  const keys = `{${prefix}}:queue`;
  const locks = await found(admin, `${keys}:*:lock`);
  if (locks.length > 0) await admin.unlink(...locks);
  for (const active of await found(admin, `${keys}:*:active`)) {
    const name = active.slice(keys.length + 1, -':active'.length);
    const options = {
      connection: admin,
      prefix: keys,
      skipVersionCheck: true,
      maxStalledCount: 1_000,
      stalledInterval: 1,
    };
    const backend = createRedisBackend(name, options);
    // The first look marks what is active, the second puts back what nobody renewed since.
    for (let look = 0; look < 2; look++) {
      await admin.del(backend.toKey('stalled-check'));
      await backend.moveStalledJobsToWait();
    }
  }
}

async function found(admin: Redis, match: string): Promise<string[]> {
  const all: string[] = [];
  for await (const keys of admin.scanStream({ match, count: 1_000 })) all.push(...(keys as string[]));
  return all;
}
