import fc from 'fast-check';
import { expect, test } from 'vitest';
import { isPlainNumber, standsWhole } from './own-words.ts';

test.each([
  ['knot', 'a knot.'],
  ['knot names', 'search for knot names, please'],
  ['/docs/', 'crawl example.com/docs/ now'],
  ['北京', '我在北京吃饭'],
  ['Größe', '„Größe“ ist'],
])('%j stands whole in %j', (words, text) => expect(standsWhole(words, text)).toBe(true));

test.each([
  ['not', 'a knot.'],
  ['knot ', 'a knot .'],
  ['\u00a0knot', 'a \u00a0knot'],
  ['knot  names', 'knot names'],
  ['Knot', 'a knot'],
  ['京', '我在北京吃饭'],
  ['e', 'é e\u0301'],
  ['', 'anything'],
  [' ', 'a b'],
])('%j does not stand whole in %j', (words, text) => expect(standsWhole(words, text)).toBe(false));

test('numbers are those that anybody would choose, or stand in the ask', () => {
  for (const value of [0, 5, 20, 500, 1_000_000, 7n]) expect(isPlainNumber(value, '')).toBe(true);
  for (const value of [12, 1_886_351_988, -3, 0.5, 21n, 90_000_000]) expect(isPlainNumber(value, '')).toBe(false);
  expect([isPlainNumber(12, 'the first 12 pages'), isPlainNumber(12, '123 pages')]).toEqual([true, false]);
});

test('a piece of a word, however it is cut, never stands whole', () => {
  const word = fc.stringMatching(/^[a-z]{3,12}$/);
  fc.assert(
    fc.property(word, fc.nat(), fc.nat(), (text, a, b) => {
      const [from, to] = [a % text.length, (b % text.length) + 1].sort((x, y) => x - y) as [number, number];
      const piece = text.slice(from, to);
      expect(standsWhole(piece, text)).toBe(piece === text);
    }),
  );
});
