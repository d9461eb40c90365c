import { expect, test } from 'vitest';
import { ofRounds, ofSamples, type Row, ratio, reference, verdict } from '../../bench/src/harness/measure.ts';
import { summarize } from '../../bench/src/harness/profile.ts';
import { tableText } from '../../bench/src/harness/table.ts';

const row = (ours: number, peers: Record<string, number>, more: Partial<Row> = {}): Row => ({
  measure: 'm',
  what: 'thing',
  ours: ofRounds('Bowline', 'ms', [ours]),
  peers: Object.entries(peers).map(([label, value]) => ofRounds(label, 'ms', [value])),
  ...more,
});

test('the best peer is the reference: the lowest time, the highest rate', () => {
  const times = row(3, { slow: 9, fast: 2 }, { budget: { atMost: 0.7 } });
  expect(reference(times)?.label).toBe('fast');
  expect(ratio(times)).toBe(1.5);
  const rate = (label: string, value: number) => ofRounds(label, 'per s', [value]);
  const rates = { ...times, ours: rate('Bowline', 900), peers: [rate('slow', 100), rate('fast', 300)] };
  expect(reference(rates)?.label).toBe('fast');
  expect(ratio(rates)).toBe(3);
});

test('a budget is met, missed, or only told; an absolute one needs no peer', () => {
  expect(verdict(row(1, { peer: 2 }, { budget: { atMost: 0.7 } }))).toBe('met');
  expect(verdict(row(2, { peer: 2 }, { budget: { atMost: 0.7 } }))).toBe('missed');
  expect(verdict(row(1, { peer: 2 }, { budget: { atLeast: 0.7 } }))).toBe('missed');
  expect(verdict(row(1, { peer: 2 }))).toBe('info');
  expect(verdict(row(2, {}, { budget: { atMost: 1, absolute: true } }))).toBe('missed');
  expect(verdict(row(Number.NaN, { peer: 2 }, { budget: { atMost: 1 } }))).toBe('missed');
});

test('a figure is the middle of its rounds, with the 95th percentile of all samples', () => {
  const rounds = [
    [1, 2, 3],
    [10, 20, 30],
    [4, 5, 6],
  ];
  expect(ofSamples('x', 'ms', rounds)).toMatchObject({ value: 5, rounds: [2, 20, 5], spread: 10, p95: 30 });
});

test('the table says in words what it says in colour, and colours only on a terminal', () => {
  const rows = [row(2, { peer: 2 }, { budget: { atMost: 0.7 } }), row(1, { peer: 2 }, { budget: { atMost: 0.7 } })];
  const plain = tableText(rows, false);
  expect(plain).toMatch(/thing +2\.00 ms +2\.00 ms +peer +1\.00x +<= 0\.7x +MISSED/);
  expect(plain).toMatch(/0\.50x +<= 0\.7x +met/);
  expect(plain).not.toContain('\x1b');
  expect(tableText(rows, true)).toContain('\x1b[31m');
});

test('a profile is summed by function over the time in which the process was not idle', () => {
  const frame = (functionName: string) => ({ functionName, url: '', lineNumber: 0, columnNumber: 0 });
  const { busy, functions } = summarize({
    nodes: [
      { id: 1, callFrame: frame('(idle)') },
      { id: 2, callFrame: frame('work') },
    ],
    samples: [1, 2, 2],
    timeDeltas: [1000, 2000, 1000],
  });
  expect(busy).toBe(0.75);
  expect(functions).toEqual([{ name: 'work ', ms: 3, share: 1 }]);
});
