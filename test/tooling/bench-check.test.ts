// A loss of speed is seen, and noise is not taken for one.
import { expect, test } from 'vitest';
import {
  betterOf,
  checkText,
  compareRows,
  type ReferenceRatios,
  rowKey,
  withRun,
} from '../../bench/src/harness/check.ts';
import { ofRounds, type Row, type Unit } from '../../bench/src/harness/measure.ts';

const row = (ours: number[], theirs: number[], unit: Unit = 'ms', what = 'thing'): Row => ({
  measure: 'm',
  what,
  ours: ofRounds('Bowline', unit, ours),
  peers: theirs.length > 0 ? [ofRounds('peer', unit, theirs)] : [],
});
const about = { date: '2026-11-30', machine: 'two cores', anew: true };
const after = (...runs: Row[]) =>
  runs.reduce<ReferenceRatios>((all, one) => withRun(all, [one], { ...about, anew: false }), {});
const worse = (now: Row, ...runs: Row[]) => compareRows([now], after(...runs))[0]?.worse;

test('a time is worse when it is longer than its reference by more than the spread; a rate when it is lower', () => {
  const time = row([10, 12, 10], [10, 10, 10]);
  expect(worse(row([11.9, 11.9, 11.9], [10, 10, 10]), time)).toBe(false);
  expect(worse(row([12.1, 12.1, 12.1], [10, 10, 10]), time)).toBe(true);
  expect(worse(row([1, 1, 1], [10, 10, 10]), time)).toBe(false);
  const rate = row([10, 12, 10], [10, 10, 10], 'per s');
  expect(worse(row([8.4], [10], 'per s'), rate)).toBe(false);
  expect(worse(row([8.3], [10], 'per s'), rate)).toBe(true);
  expect(worse(row([90], [10], 'per s'), rate)).toBe(false);
});

test('the spread is that of ratios within a round, so what slows both sides is none', () => {
  const both = row([10, 30, 20], [5, 15, 10]);
  expect(after(both)[rowKey(both)]).toMatchObject({ ratios: [2], spread: 1 });
  expect(worse(row([12.2], [5]), both)).toBe(true);
});

test('the spread between runs counts too, and a fifth is never a loss, except of memory', () => {
  const runs = [row([10], [10]), row([15], [10]), row([12], [10])] as const;
  expect(worse(row([17.9], [10]), ...runs)).toBe(false);
  expect(worse(row([18.1], [10]), ...runs)).toBe(true);
  expect(worse(row([11.9], [10]), row([10], [10]))).toBe(false);
  expect(worse(row([10.9], [10], 'MB'), row([10], [10], 'MB'))).toBe(true);
});

test('twice as bad is a loss, however little the rounds agreed, also where one of them was below nothing', () => {
  for (const wild of [row([10, 10, 90], [10, 10, 10]), row([-3, 10, 10], [10, 10, 10])]) {
    expect(after(wild)[rowKey(wild)]?.spread).toBe(2);
    expect(worse(row([19.9], [10]), wild)).toBe(false);
    expect(worse(row([20.1], [10]), wild)).toBe(true);
  }
});

test('rows without a peer are not compared; those without a reference are named, and are no loss', () => {
  expect(compareRows([row([1], [])], {})).toEqual([]);
  const found = compareRows([row([1], [1])], {});
  expect(found).toMatchObject([{ worse: false, was: undefined }]);
  expect(checkText(found)).toBe('no reference yet: m: thing\n0 ratios compared with their references, 0 worse');
});

test('a ratio that is no number is a loss', () => {
  expect(worse(row([Number.NaN], [1]), row([1], [1]))).toBe(true);
});

test('what is worse only once is noise', () => {
  const known = after(row([10], [10]));
  const [slow, fine] = [row([20], [10]), row([10], [10])].map((one) => compareRows([one], known)[0]!);
  expect(betterOf(slow!, fine!).worse).toBe(false);
  expect(betterOf(slow!, slow!).worse).toBe(true);
  expect(betterOf(fine!, slow!).worse).toBe(false);
});

test('the text names row, ratio, reference and tolerance', () => {
  const known = after(row([10, 12, 10], [10, 10, 10]));
  const text = checkText(compareRows([row([20], [10])], known));
  expect(text).toContain('WORSE m: thing: ratio 2.00, reference 1.00, tolerance 1.20x');
  expect(text).toContain('1 ratios compared with their references, 1 worse');
});

test('written anew a row forgets its runs, and other rows stay; the last five runs are remembered', () => {
  const other = row([1], [1], 'ms', 'other');
  const known = after(other, ...[1, 2, 3, 4, 5, 6].map((n) => row([n], [1])));
  expect(known['m: thing']?.ratios).toEqual([2, 3, 4, 5, 6]);
  const anew = withRun(known, [row([9], [1])], about);
  expect(anew['m: thing']?.ratios).toEqual([9]);
  expect(anew['m: other']).toEqual(known['m: other']);
});
