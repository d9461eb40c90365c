import { expect, test } from 'vitest';
import { Channel } from './channel.ts';

test('a wake without a value that nobody waited for yet is not lost', async () => {
  const wakes = new Channel<void>(1);
  expect(wakes.offer()).toBe(true);
  expect(wakes.offer()).toBe(false);
  expect(await wakes.next()).toEqual({ value: undefined, done: false });
  expect(wakes.size).toBe(0);
  wakes.close();
  expect((await wakes.next()).done).toBe(true);
});
