import { expect, test } from 'vitest';
import { edgeEnds, endsEdges, isNewEnd } from './edge-ends.ts';
import type { FoldedJob, FoldedRun } from './state.ts';

const runOf = (maxEdgeEnds: number) => ({ limits: { maxEdgeEnds } }) as FoldedRun;
const jobOf = (ends: number, holds: number) =>
  ({ holds, heldBy: Array.from({ length: ends }, (_, at) => `boot ${at}`) }) as unknown as FoldedJob;

test.each([
  // Most ends as they are set, ends, how often it was held, whether it is over.
  [3, 2, 0, false],
  [3, 3, 0, true],
  [3, 3, 1, false],
  [3, 7, 2, false],
  [3, 8, 1, true],
  [20, 8, 1, false],
  [20, 20, 1, true],
])('of at most %i ends, %i of a call that was held %i times end it: %s', (most, ends, holds, over) => {
  const run = runOf(most);
  const job = jobOf(ends, holds);
  expect(edgeEnds(job, 'boot now')).toBe(ends);
  expect(endsEdges(run, job, 'boot now')).toBe(over);
  // The one that is here now does not count.
  expect(edgeEnds(job, 'boot 0')).toBe(ends - 1);
});

test('a start is recorded once, and none beyond those that count', () => {
  expect(isNewEnd(runOf(3), jobOf(3, 1), 'boot 2')).toBe(false);
  expect(isNewEnd(runOf(3), jobOf(8, 1), 'boot now')).toBe(true);
  expect(isNewEnd(runOf(3), jobOf(9, 1), 'boot now')).toBe(false);
  expect(isNewEnd(runOf(3), jobOf(4, 0), 'boot now')).toBe(false);
});
