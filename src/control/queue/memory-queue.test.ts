import { expect, test } from 'vitest';
import { ManualClock } from '../../../test/support/manual-clock.ts';
import { silentLogger } from '../../base/logger.ts';
import { MemoryQueueHub } from './memory-queue.ts';

test('an add beyond the capacity is refused as a whole and names the setting', async () => {
  const queue = new MemoryQueueHub(new ManualClock(), silentLogger, { capacity: 3 }).connect();
  await queue.add('q', ['a', 'b']);
  await expect(queue.add('q', ['c', 'd'])).rejects.toMatchObject({
    reason: 'LIMIT_EXCEEDED',
    message: expect.stringContaining('which is fixed; start more workers'),
  });
  expect(await queue.counts('q')).toEqual({ waiting: 2, dequeued: 0 });
  await queue.add('q', ['a', 'b', 'c']);
  expect(await queue.counts('q')).toEqual({ waiting: 3, dequeued: 0 });
});

test('a lock that is renewed does not lapse, one that is not says so to the next taker', async () => {
  const clock = new ManualClock();
  const queue = new MemoryQueueHub(clock, silentLogger, { lockMs: 1_000 }).connect();
  await queue.add('q', ['kept', 'lost']);
  const [kept, lost] = await queue.dequeue('q', 2);
  clock.advance(900);
  expect(await kept!.extend()).toBe(true);
  clock.advance(900);
  expect(await kept!.extend()).toBe(true);
  expect(await lost!.extend()).toBe(false);
  expect(await queue.dequeue('q', 2)).toMatchObject([{ id: 'lost', startedBefore: true }]);
});

test('what was given back unused is not marked as started', async () => {
  const queue = new MemoryQueueHub(new ManualClock(), silentLogger).connect();
  await queue.add('q', ['a']);
  await (await queue.dequeue('q', 1))[0]!.release();
  expect(await queue.dequeue('q', 1)).toMatchObject([{ id: 'a', startedBefore: false }]);
});

test('many adds in one turn wake a listener once, and one that stopped never', async () => {
  const queue = new MemoryQueueHub(new ManualClock(), silentLogger).connect();
  let wakes = 0;
  let stopped = 0;
  queue.onReady('q', () => wakes++);
  queue.onReady('q', () => stopped++)();
  await Promise.all(['a', 'b', 'c'].map((id) => queue.add('q', [id])));
  expect([wakes, stopped]).toEqual([1, 0]);
});
