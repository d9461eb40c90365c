// Runs the Bus suite on Redis pub/sub.
import { afterAll, beforeAll } from 'vitest';
import { systemClock } from '../../src/base/clock.ts';
import { newId } from '../../src/base/ids.ts';
import { silentLogger } from '../../src/base/logger.ts';
import { openRedis } from '../../src/control/queue/redis.ts';
import { startRedis, type TestRedis } from '../support/redis.ts';
import { TcpProxy } from '../support/tcp-proxy.ts';
import { busSuite } from './bus.suite.ts';

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
