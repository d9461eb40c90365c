import { expect, test } from 'vitest';
import { Turns } from './turns.ts';

const never = new AbortController().signal;

test('so many at a time, the others in the order in which they came', async () => {
  const turns = new Turns(2);
  const seen: number[] = [];
  let inside = 0;
  let most = 0;
  const go = (n: number) =>
    turns.take(never, async () => {
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
  const turns = new Turns(1);
  let leave: () => void = () => {};
  const first = turns.take(never, () => new Promise<void>((resolve) => (leave = resolve)));
  const bored = new AbortController();
  const second = turns.take(bored.signal, async () => 'second');
  const third = turns.take(never, async () => {
    throw new Error('third');
  });
  const fourth = turns.take(never, async () => 'fourth');
  const reason = new Error('bored');
  bored.abort(reason);
  await expect(second).rejects.toBe(reason);
  leave();
  await first;
  await expect(third).rejects.toThrow('third');
  expect(await fourth).toBe('fourth');
  await expect(turns.take(AbortSignal.abort(reason), async () => {})).rejects.toBe(reason);
});
