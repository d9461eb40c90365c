import { expect, test } from 'vitest';
import { Flaps } from './flaps.ts';

test('three sessions that were lost within a minute are told, until the minute is over', () => {
  const flaps = new Flaps();
  for (const at of [0, 30_000]) flaps.ended(at);
  expect(flaps.count(30_000)).toBeUndefined();
  flaps.ended(59_000);
  expect(flaps.count(59_000)).toBe(3);
  expect(flaps.count(60_000)).toBeUndefined();
});
