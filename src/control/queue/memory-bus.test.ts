import { expect, test } from 'vitest';
import { silentLogger } from '../../base/logger.ts';
import { MemoryBusHub } from './memory-bus.ts';

test('a slow subscription sheds beyond its bound and is told to read again, others are not touched', async () => {
  const warnings: unknown[] = [];
  const log = { ...silentLogger, warn: (_message: string, fields?: unknown) => warnings.push(fields) };
  const bus = new MemoryBusHub(log, { pending: 3 }).connect();
  const seen: string[] = [];
  await bus.subscribe('t', { message: ({ sequence }) => seen.push(`${sequence}`), gap: () => seen.push('gap') });
  const sent = [1, 2, 3, 4, 5].map(() => bus.publish('t', new Uint8Array()));
  await Promise.all(sent);
  expect(seen).toEqual(['1', '2', '3', 'gap']);
  expect(warnings).toEqual([{ topic: 't', shed: 2 }]);
  await bus.publish('t', new Uint8Array());
  await Promise.resolve();
  expect(seen.slice(4)).toEqual(['gap', '6']);
});

test('a message over the limit and a subscription too many are refused with what to do instead', async () => {
  const bus = new MemoryBusHub(silentLogger, { messageBytes: 4, subscriptions: 1 }).connect();
  const handler = { message: () => {}, gap: () => {} };
  await expect(bus.publish('t', new Uint8Array(5))).rejects.toMatchObject({
    reason: 'LIMIT_EXCEEDED',
    message: expect.stringContaining('which is fixed; send less at once'),
  });
  const stop = await bus.subscribe('t', handler);
  await expect(bus.subscribe('t', handler)).rejects.toThrow('which is fixed; end some first');
  await stop();
  await bus.subscribe('t', handler);
});
