import { expect, test } from 'vitest';
import { turnOf, withTurnWatch } from '../../test/support/turn-watch.ts';
import { LoopWatch, mark } from './loop-watch.ts';

/** Uses the processor for so long. */
function spin(ms: number): void {
  const used = () => {
    const { user, system } = process.threadCpuUsage();
    return (user + system) / 1000;
  };
  const end = used() + ms;
  while (used() < end);
}

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

test('a long turn is found, wherever it runs; many short ones and a wait are not taken for one', async () => {
  expect(await turnOf(() => spin(120))).toBeGreaterThanOrEqual(100);
  expect(
    await turnOf(async () => {
      await turn();
      spin(120);
      await turn();
    }),
  ).toBeGreaterThanOrEqual(100);
  expect(
    await turnOf(async () => {
      for (let n = 0; n < 60; n++) {
        spin(4);
        await turn();
      }
    }),
  ).toBeLessThan(50);
  expect(await turnOf(() => new Promise((resolve) => setTimeout(resolve, 120)))).toBeLessThan(50);
});

test('time in which another process had the processor does not count', async () => {
  // A wait that blocks the thread without using the processor, as being descheduled does.
  const blocked = new Int32Array(new SharedArrayBuffer(4));
  expect(await turnOf(() => void Atomics.wait(blocked, 0, 0, 150))).toBeLessThan(50);
});

test('a turn over the limit is told with what was worked on, also after a long idle time', async () => {
  const told: { ms: number; during: readonly string[] }[] = [];
  const watch = new LoopWatch({ onOver: (ms, during) => told.push({ ms, during }) });
  watch.start();
  await new Promise((resolve) => setTimeout(resolve, 400));
  mark('fs.Search');
  spin(90);
  const end = performance.now() + 10_000;
  while (told.length === 0 && performance.now() < end) await new Promise((resolve) => setTimeout(resolve, 5));
  watch.stop();
  expect(told).toEqual([{ ms: expect.any(Number), during: ['fs.Search'] }]);
  expect(watch.figures.over).toBe(1);
  expect(watch.figures.longestMs).toBeGreaterThanOrEqual(80);
});

test('a suite is told which input took too long', async () => {
  const long = withTurnWatch([1, 2, 600], (ms) => spin(ms), { name: (ms) => `the one of ${ms}`, again: 0 });
  await expect(long).rejects.toThrow(/the one of 600: one turn took \d+ ms/);
  expect((await withTurnWatch([1, 5], (ms) => spin(ms))).longestMs).toBeLessThan(50);
});
