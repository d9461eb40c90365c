// Runs the Bus suite on Redis pub/sub, and that of the RateLimiter on Redis, also where that goes away.
import { afterAll, beforeAll, expect, test } from 'vitest';
import { systemClock } from '../../src/base/clock.ts';
import { newId } from '../../src/base/ids.ts';
import { silentLogger } from '../../src/base/logger.ts';
import { rateLimiter } from '../../src/control/queue/rate-limiter.ts';
import { openRedis } from '../../src/control/queue/redis.ts';
import { startRedis, type TestRedis } from '../support/redis.ts';
import { TcpProxy } from '../support/tcp-proxy.ts';
import { busSuite } from './bus.suite.ts';
import { rateLimiterSuite } from './rate-limiter.suite.ts';

let redis: TestRedis;
let made = 0;

beforeAll(async () => {
  redis = await startRedis();
}, 300_000);

afterAll(() => redis?.stop());

busSuite('Redis pub/sub', async () => {
  const prefix = `${redis.prefix}-${++made}`;
  const { hostname, port, username, password } = new URL(redis.url);
  const proxy = new TcpProxy({ host: hostname, port: Number(port || 6379) });
  await proxy.listen();
  const user = username || password ? `${username}:${password}@` : '';
  const open = (url: string) =>
    openRedis({ url, prefix, publisher: newId(), clock: systemClock, log: silentLogger, insecure: true });
  const [first, second] = await Promise.all([open(redis.url), open(`redis://${user}127.0.0.1:${proxy.port}`)]);
  return {
    first: first.bus,
    second: second.bus,
    interrupt: async (meanwhile) => {
      await proxy.cut();
      await meanwhile();
      await proxy.listen();
    },
    dispose: async () => {
      await first.close();
      await second.close();
      await proxy.cut();
    },
  };
});

rateLimiterSuite('Redis', async () => {
  const prefix = `${redis.prefix}-${++made}`;
  const open = () =>
    openRedis({ url: redis.url, prefix, publisher: newId(), clock: systemClock, log: silentLogger, insecure: true });
  const [first, second] = await Promise.all([open(), open()]);
  return {
    counters: first.counters,
    others: second.counters,
    dispose: async () => {
      await first.close();
      await second.close();
    },
  };
});

test('while Redis is away each replica counts for itself, and nothing waits for it', async () => {
  const url = redis.url;
  const opened = await openRedis({
    url,
    prefix: `${redis.prefix}-${++made}`,
    publisher: newId(),
    clock: systemClock,
    log: silentLogger,
    insecure: true,
  });
  const limiter = rateLimiter(new Map([['calls', { count: 2, seconds: 60 }]]), opened.counters, silentLogger);
  await limiter.take('calls', 'a');
  await opened.close();
  expect([await limiter.take('calls', 'a'), await limiter.take('calls', 'a')]).toEqual([undefined, undefined]);
  expect(await limiter.take('calls', 'a')).toBeGreaterThan(0);
});
