import PQueue from 'p-queue';
import { expect, test } from 'vitest';
import { inTurn } from './in-turn.ts';

const never = new AbortController().signal;

test('so many at a time, the others in the order in which they came', async () => {
  const turns = new PQueue({ concurrency: 2 });
  const seen: number[] = [];
  let inside = 0;
  let most = 0;
  const go = (n: number) =>
    inTurn(turns, never, async () => {
      most = Math.max(most, ++inside);
      seen.push(n);
      await new Promise((resolve) => setImmediate(resolve));
      inside--;
    });
  await Promise.all([1, 2, 3, 4, 5, 6].map(go));
  expect(most).toBe(2);
  expect(seen).toEqual([1, 2, 3, 4, 5, 6]);
});

test('who gives up loses the place, and a failure frees it', async () => {
  const turns = new PQueue({ concurrency: 1 });
  let leave: () => void = () => {};
  const first = inTurn(turns, never, () => new Promise<void>((resolve) => (leave = resolve)));
  const bored = new AbortController();
  const second = inTurn(turns, bored.signal, async () => 'second');
  const third = inTurn(turns, never, async () => {
    throw new Error('third');
  });
  const fourth = inTurn(turns, never, async () => 'fourth');
  const reason = new Error('bored');
  bored.abort(reason);
  await expect(second).rejects.toBe(reason);
  leave();
  await first;
  await expect(third).rejects.toThrow('third');
  expect(await fourth).toBe('fourth');
  await expect(inTurn(turns, AbortSignal.abort(reason), async () => {})).rejects.toBe(reason);
});

test('work that has begun keeps its place after it was told to stop, until it has ended', async () => {
  const turns = new PQueue({ concurrency: 1 });
  const stop = new AbortController();
  let end: () => void = () => {};
  const first = inTurn(turns, stop.signal, () => new Promise<string>((resolve) => (end = () => resolve('ended'))));
  let begun = false;
  const second = inTurn(turns, never, async () => {
    begun = true;
  });
  stop.abort(new Error('stop'));
  await new Promise((resolve) => setImmediate(resolve));
  expect(begun).toBe(false);
  end();
  expect(await first).toBe('ended');
  await second;
  expect(begun).toBe(true);
});
