// A quote that is cut holds what was asked for.
import { expect, test } from 'vitest';
import { excerpt } from './excerpt.ts';

test.each([
  ['at the start', `The code is PG-7731. ${'x '.repeat(900)}`],
  ['in the middle', `${'y '.repeat(700)}The code is PG-7731. ${'x '.repeat(900)}`],
  ['at the end', `${'y '.repeat(900)}The code is PG-7731.`],
])('the words that are wanted stand in the part that is shown: %s', (_, text) => {
  const shown = excerpt(text, new Set(['code', 'pg', '7731']), 600);
  expect(shown).toContain('The code is PG-7731.');
  expect(shown.length).toBeLessThanOrEqual(602);
});

test('what is short is whole; a part says where it was cut', () => {
  expect(excerpt('短', new Set(), 10)).toBe('短');
  expect(excerpt(`${'一'.repeat(40)}退款编号`, new Set(['退款']), 10)).toMatch(/^….*退款编号$/);
  expect(excerpt('a'.repeat(20), new Set(['b']), 10)).toBe(`${'a'.repeat(10)}…`);
});
