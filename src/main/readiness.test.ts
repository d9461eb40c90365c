import { expect, test } from 'vitest';
import { ManualClock } from '../../test/support/manual-clock.ts';
import { silentLogger } from '../base/logger.ts';
import { HealthBoard } from '../control/gateway/health.ts';
import { DATABASE, QUEUE, watchReadiness } from './readiness.ts';

const EVERY = 2_000;

async function start() {
  const health = new HealthBoard();
  const clock = new ManualClock();
  const there = { database: true, queue: true, hangs: false };
  const ask = (what: 'database' | 'queue') => () =>
    there.hangs && what === 'database'
      ? new Promise<void>(() => {})
      : there[what]
        ? Promise.resolve()
        : Promise.reject(new Error('away'));
  const database = ask('database');
  const stop = await watchReadiness({
    health,
    database,
    queue: ask('queue'),
    clock,
    log: silentLogger,
    everyMs: EVERY,
  });
  const states = () => [health.get(''), health.get(DATABASE), health.get(QUEUE)];
  /** Lets a look begin, and what it waits for pass. */
  const look = async () => {
    for (let i = 0; i < 2; i++) {
      clock.advance(EVERY + 1);
      await new Promise<void>((resolve) => setImmediate(resolve));
    }
  };
  return { there, stop, states, look };
}

test('a replica whose database is away, or hangs, is not ready until it answers again', async () => {
  const { there, stop, states, look } = await start();
  expect(states()).toEqual([true, true, true]);
  there.database = false;
  await look();
  expect(states()).toEqual([false, false, true]);
  there.database = true;
  await look();
  expect(states()).toEqual([true, true, true]);
  there.hangs = true;
  await look();
  expect(states()).toEqual([false, false, true]);
  there.hangs = false;
  await look();
  expect(states()).toEqual([true, true, true]);
  await stop();
});

test('Redis away is told by its own name; the replica stays ready', async () => {
  const { there, stop, states, look } = await start();
  there.queue = false;
  await look();
  expect(states()).toEqual([true, true, false]);
  await stop();
});

test('a replica that leaves is not ready', async () => {
  const { stop, states } = await start();
  await stop();
  expect(states()[0]).toBe(false);
});
