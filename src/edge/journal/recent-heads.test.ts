import { expect, test } from 'vitest';
import { RecentHeads } from './recent-heads.ts';

const head = (sequence: number): Uint8Array => new Uint8Array(32).fill(sequence % 251);

test('the newest heads are remembered, each for itself, and none that was not set', () => {
  const heads = new RecentHeads();
  expect(heads.get(0)).toBeUndefined();
  for (let sequence = 500; sequence <= 5000; sequence++) heads.set(sequence, head(sequence));
  for (const sequence of [5000, 4999, 4000, 2953]) expect(heads.get(sequence)).toEqual(head(sequence));
  for (const sequence of [0, 1, 499, 500, 2952, 5001]) expect(heads.get(sequence)).toBeUndefined();
  // What was given stays as it was.
  const kept = heads.get(4000);
  heads.set(5001, head(5001));
  for (let sequence = 5002; sequence <= 7000; sequence++) heads.set(sequence, head(sequence));
  expect(kept).toEqual(head(4000));
});

test('a journal that begins late remembers only what it has seen', () => {
  const heads = new RecentHeads();
  heads.set(70, head(70));
  expect(heads.get(70)).toEqual(head(70));
  expect(heads.get(69)).toBeUndefined();
});
