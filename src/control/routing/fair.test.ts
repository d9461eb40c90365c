// Whose job is next, in tables; and what must hold whatever waits.
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { chooseFair, FairTurns } from './fair.ts';

const NOW = 1_000_000;
const job = (tenant: string, n: number, more: { slots?: number; placeAt?: number } = {}) => ({
  tenant,
  slots: 1,
  placeAt: n,
  ...more,
});
const line = (tenant: string, count: number, more = {}) =>
  Array.from({ length: count }, (_, n) => job(tenant, n, more));
const order = (lines: Parameters<typeof chooseFair>[0], most: number, weights: Record<string, number> = {}) =>
  chooseFair(lines, new FairTurns(new Map(Object.entries(weights))), NOW, most)
    .map(({ tenant }) => tenant)
    .join('');

test.each([
  ['one tenant has all to itself', [line('a', 9)], 4, {}, 'aaaa'],
  ['two take turns, whatever each has waiting', [line('a', 9), line('b', 2)], 6, {}, 'ababaa'],
  ['three take turns', [line('a', 9), line('b', 9), line('c', 9)], 6, {}, 'abcabc'],
  ['twice the weight is twice the jobs', [line('a', 9), line('b', 9)], 6, { b: 2 }, 'abbabb'],
  ['a job of many slots counts as many', [line('a', 9, { slots: 3 }), line('b', 9)], 6, {}, 'abbbab'],
  ['what is for later goes last', [line('a', 2, { placeAt: NOW + 1 }), line('b', 3)], 5, {}, 'bbbaa'],
  ['what has waited for long enough is like any other', [line('a', 2, { placeAt: NOW }), line('b', 3)], 5, {}, 'babab'],
  ['nothing waits', [], 3, {}, ''],
] as const)('%s', (_what, lines, most, weights, expected) => {
  expect(order(lines, most, weights)).toBe(expected);
});

test('a job that comes late goes before the next one of whoever was served all the time', () => {
  const turns = new FairTurns(new Map());
  for (let n = 0; n < 100; n++) turns.serve(job('a', n));
  const chosen = chooseFair([line('a', 9), line('b', 1)], turns, NOW, 9);
  expect(chosen[0]?.tenant).toBe('b');
});

test('nobody saves up turns by waiting for nothing, and what was only chosen costs none', () => {
  const turns = new FairTurns(new Map());
  turns.serve(job('b', 0));
  for (let n = 0; n < 100; n++) turns.serve(job('a', n));
  for (let n = 0; n < 9; n++) {
    const chosen = chooseFair([line('a', 9), line('b', 9)], turns, NOW, 8);
    expect(chosen.filter(({ tenant }) => tenant === 'b')).toHaveLength(4);
  }
});

const weight = fc.integer({ min: 1, max: 4 });
const lengths = fc.array(fc.record({ count: fc.integer({ min: 1, max: 40 }), weight }), { minLength: 1, maxLength: 6 });

test('as long as two tenants have something waiting, none is more than one job of each ahead of its share', () => {
  fc.assert(
    fc.property(lengths, fc.integer({ min: 1, max: 60 }), (tenants, most) => {
      const lines = tenants.map(({ count }, n) => line(`t${n}`, count));
      const weights = new Map(tenants.map(({ weight }, n) => [`t${n}`, weight]));
      const chosen = chooseFair(lines, new FairTurns(weights), NOW, most);
      expect(chosen).toHaveLength(Math.min(most, lines.flat().length));
      const given = tenants.map(() => 0);
      for (const { tenant } of chosen) {
        given[Number(tenant.slice(1))]!++;
        for (const [i, a] of tenants.entries())
          for (const [j, b] of tenants.entries()) {
            if (given[i]! >= a.count || given[j]! >= b.count) continue;
            expect(Math.abs(given[i]! / a.weight - given[j]! / b.weight)).toBeLessThanOrEqual(
              1 / a.weight + 1 / b.weight,
            );
          }
      }
    }),
  );
});
