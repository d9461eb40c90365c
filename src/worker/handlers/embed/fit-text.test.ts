// A text that is too long is cut between two code points, never inside one, and a short one is left alone.
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { estimateTokens } from '../../../base/estimate-tokens.ts';
import { fitText } from './fit-text.ts';

test('what is left is a beginning of the text, whole in its code points, and within the limit', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'grapheme', maxLength: 400 }), fc.integer({ min: 16, max: 300 }), (text, most) => {
      const cut = fitText(text, most);
      expect(text.startsWith(cut)).toBe(true);
      expect(cut.isWellFormed()).toBe(true);
      expect(estimateTokens(cut)).toBeLessThanOrEqual(most);
      if (estimateTokens(text) * 1.3 + 1 < most && /^[\x20-\x7e]*$/.test(text)) expect(cut).toBe(text);
    }),
  );
  expect(fitText('字'.repeat(100), 30)).toBe('字'.repeat(16));
  expect(fitText('😀'.repeat(40), 20).length % 2).toBe(0);
});
