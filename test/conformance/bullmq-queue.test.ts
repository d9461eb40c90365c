// Runs the JobQueue suite on BullMQ with a real Redis.
import { Redis } from 'ioredis';
import { afterAll, beforeAll } from 'vitest';
import { systemClock } from '../../src/base/clock.ts';
import { newId } from '../../src/base/ids.ts';
import { silentLogger } from '../../src/base/logger.ts';
import { openRedis } from '../../src/control/queue/redis.ts';
import { startRedis, type TestRedis } from '../support/redis.ts';
import { lapseLocks } from '../support/redis-queue.ts';
import { jobQueueSuite } from './job-queue.suite.ts';

let redis: TestRedis;
let admin: Redis;
let made = 0;

beforeAll(async () => {
  redis = await startRedis();
  admin = new Redis(redis.url);
}, 300_000);

afterAll(async () => {
  admin?.disconnect();
  await redis?.stop();
});

jobQueueSuite('BullMQ on Redis', async () => {
  const prefix = `${redis.prefix}-${++made}`;
  const open = () =>
    openRedis({ url: redis.url, prefix, publisher: newId(), clock: systemClock, log: silentLogger, insecure: true });
  const [first, second] = await Promise.all([open(), open()]);
  return {
    first: first.queue,
    second: second.queue,
    lapseLocks: () => lapseLocks(admin, prefix),
    dispose: async () => {
      await first.close();
      await second.close();
    },
  };
});
