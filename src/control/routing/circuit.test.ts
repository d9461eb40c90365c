import { expect, test } from 'vitest';
import { CLOSED, circuitFailed, circuitPhase } from './circuit.ts';

const RULES = { jobs: 3, windowMs: 100, openMs: 10, mostMs: 35 };
/** Each failure is of another job, unless it says which. */
const after = (...failures: (number | readonly [number, string])[]) =>
  failures.reduce<typeof CLOSED>((circuit, each, n) => {
    const [at, job] = typeof each === 'number' ? [each, `j${n}`] : each;
    return circuitFailed(circuit, { at, job }, RULES);
  }, CLOSED);

test.each<[string, (number | readonly [number, string])[], number, string]>([
  ['is closed without failures', [], 0, 'closed'],
  ['stays closed below the threshold', [1, 2], 3, 'closed'],
  ['opens at the threshold', [1, 2, 3], 4, 'open'],
  [
    'stays closed when one job fails again and again',
    [
      [1, 'a'],
      [2, 'a'],
      [3, 'a'],
      [4, 'a'],
    ],
    4,
    'closed',
  ],
  ['does not count failures outside of the window', [1, 2, 103], 103, 'closed'],
  ['opens by those that are in the window', [1, 60, 90, 120], 120, 'open'],
  ['is half open when its time is over', [1, 2, 3], 13, 'half-open'],
  ['opens for twice as long when its probe fails', [1, 2, 3, 13], 32, 'open'],
  ['is half open after that', [1, 2, 3, 13], 33, 'half-open'],
  ['is never open for longer than the most', [1, 2, 3, 13, 33, 70], 104, 'open'],
  ['is half open after the most', [1, 2, 3, 13, 33, 70], 105, 'half-open'],
  ['takes no longer for what was begun before it opened', [1, 2, 3, 4, 5, 6], 13, 'half-open'],
])('a circuit %s', (_what, failures, at, phase) => {
  expect(circuitPhase(after(...failures), at)).toBe(phase);
});
