// Shares are whole, add up to the total, and follow the weights.
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { shareOut } from './share-out.ts';

test('shares are whole, add up exactly, and none is off by one or more', () => {
  fc.assert(
    fc.property(
      fc.nat({ max: 1_000_000_000 }),
      fc.array(fc.nat({ max: 100_000 }), { minLength: 1, maxLength: 50 }),
      (total, weights) => {
        const parts = shareOut(total, weights);
        const sum = weights.reduce((a, b) => a + b, 0);
        expect(parts.reduce((a, b) => a + b, 0)).toBe(total);
        for (const [at, part] of parts.entries()) {
          expect(Number.isInteger(part)).toBe(true);
          const exact = sum > 0 ? (total * weights[at]!) / sum : total / weights.length;
          expect(Math.abs(part - exact)).toBeLessThan(1.000001);
        }
      },
    ),
  );
  expect(shareOut(10, [1, 1, 2])).toEqual([3, 2, 5]);
  expect(shareOut(2, [0, 0])).toEqual([1, 1]);
});
