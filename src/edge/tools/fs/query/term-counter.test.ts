import fc from 'fast-check';
import { expect, test } from 'vitest';
import { TermCounter } from './term-counter.ts';

function counted(terms: readonly string[], text: string, size = 32 << 10): number {
  const counter = new TermCounter(terms);
  for (let at = 0; at < text.length; at += size) counter.add(text.slice(at, at + size));
  counter.end();
  return counter.count;
}

test('property: hits that overlap are counted as one finds them by hand', () => {
  const text = fc.array(fc.constantFrom('a', 'b', ' ', '文'), { maxLength: 40 }).map((parts) => parts.join(''));
  const term = fc
    .array(fc.constantFrom('a', 'b', ' ', '文'), { minLength: 1, maxLength: 6 })
    .map((parts) => parts.join(''));
  const joins = (left = '', right = '') => /[ab]/.test(left) && /[ab]/.test(right);
  const byHand = (wanted: string, whole: string): number => {
    let count = 0;
    for (let at = whole.indexOf(wanted); at >= 0; ) {
      const end = at + wanted.length;
      const hit = !joins(whole[at - 1], whole[at]) && !joins(whole[end - 1], whole[end]);
      if (hit) count++;
      at = whole.indexOf(wanted, hit ? end : at + 1);
    }
    return count;
  };
  fc.assert(
    fc.property(text, term, fc.integer({ min: 1, max: 9 }), (whole, wanted, size) => {
      expect(counted([wanted], whole, size)).toBe(byHand(wanted, whole));
    }),
    { numRuns: 3000 },
  );
});

test('terms that stand everywhere and are nowhere a word take no longer than others', () => {
  // Compared anew at each place, these take minutes.
  const long = 'a'.repeat(100_000);
  expect(counted([long, `a${' ba'.repeat(30_000)}`], 'a'.repeat(4 << 20))).toBe(0);
  expect(counted([`a${' ba'.repeat(30_000)}`], 'ba '.repeat(1 << 20))).toBe(0);
  expect(counted([long], `${long} b${long} ${long}`)).toBe(2);
}, 30_000);
