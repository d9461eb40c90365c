import { expect, test } from 'vitest';
import type { FoldedJob, FoldedRun } from './state.ts';
import { timeLeft, within } from './time-left.ts';

const left = (run: Partial<FoldedRun>, job: Partial<FoldedJob>, now: number) =>
  timeLeft(
    { createdAt: 0, timeoutMs: 0, heldAt: 0, heldMs: 0, ...run } as FoldedRun,
    { queuedAt: 0, timeoutMs: 0, heldAt: 0, heldMs: 0, ...job } as FoldedJob,
    now,
  );

test('a hop ends before the one above, by a tenth of the time, at most by a second', () => {
  expect([60_000, 5_000, 200, 60].map(within)).toEqual([59_000, 4_500, 150, 10]);
  for (const ms of [1, 2, 51, 499, 1e4, 1e9]) {
    expect(within(ms)).toBeGreaterThanOrEqual(1);
    expect(within(ms)).toBeLessThanOrEqual(ms);
  }
});

test('the nearer end counts: of the run, of the job', () => {
  expect(left({ timeoutMs: 60_000 }, {}, 0)).toBe(59_000);
  expect(left({ timeoutMs: 60_000 }, { queuedAt: 20_000, timeoutMs: 10_000 }, 20_000)).toBe(9_000);
  expect(left({ timeoutMs: 60_000 }, { queuedAt: 20_000, timeoutMs: 300_000 }, 20_000)).toBe(39_000);
  expect(left({}, {}, 5)).toBeUndefined();
});

test('time that was waited is gone, but a clock that is off takes at most half, and gives nothing', () => {
  expect(left({ timeoutMs: 60_000 }, {}, 20_000)).toBe(39_000);
  expect(left({ timeoutMs: 60_000 }, {}, 1e12)).toBe(29_000);
  expect(left({ timeoutMs: 60_000 }, {}, -1e12)).toBe(59_000);
});

test('what a job calls ends before that job', () => {
  const parent = { queuedAt: 0, timeoutMs: 0, heldAt: 0, heldMs: 0 } as FoldedJob;
  const run = { timeoutMs: 60_000, jobs: new Map([['p', parent]]) };
  expect(left(run, { parent: { job: 'p', epoch: 1, number: 1 } }, 0)).toBe(58_000);
});
