import { expect, test } from 'vitest';
import { dropOldest } from './drop-oldest.ts';

test('the oldest go first, and no more than must', () => {
  const set = new Set(['a', 'b', 'c']);
  dropOldest(set, 3);
  expect([...set]).toEqual(['a', 'b', 'c']);
  dropOldest(set, 1);
  expect([...set]).toEqual(['c']);
  const map = new Map([
    [1, 'x'],
    [2, 'y'],
  ]);
  dropOldest(map, 0);
  expect(map.size).toBe(0);
});
