import { expect, test } from 'vitest';
import { foldText } from './fold-text.ts';
import { hasLongRun, normalForm } from './normal-form.ts';

test.each(['NFC', 'NFD', 'NFKC'] as const)('%s is that of the language for any writing', (form) => {
  for (const text of [
    'José',
    'Jose\u0301',
    'Nguyễn Việt',
    '한글',
    '発売日',
    'ｶﾞﾊﾟ',
    'ﬁ １２',
    'שָׁלוֹם',
    `e${'\u0301'.repeat(30)}`,
  ]) {
    expect(normalForm(text, form)).toBe(text.normalize(form));
    expect(hasLongRun(text)).toBe(false);
  }
});

test('a run of marks is cut, so that no run that is sorted is long', () => {
  for (const pair of ['\u0301\u0316', '\u0316\uff9e', '\uff9f\u0323', '\u{1d165}\u0316']) {
    const run = `a${pair.repeat(100)}`;
    expect(hasLongRun(run)).toBe(true);
    for (const form of ['NFC', 'NFD', 'NFKC'] as const)
      expect(
        Math.max(
          ...normalForm(run, form)
            .split('\u034f')
            .map((part) => [...part].length),
        ),
      ).toBeLessThanOrEqual(31);
  }
});

/** Whether a sign is sorted among marks: its canonical combining class is not 0. */
const isSorted = (sign: string): boolean =>
  `${sign}\u0334`.normalize('NFD') !== `${sign}\u0334` || `\u0345${sign}`.normalize('NFD') !== `\u0345${sign}`;

test('what is sorted in a normal form is counted in a run', () => {
  const missed: string[] = [];
  for (let code = 0x80; code < 0x110000; code++) {
    const sign = String.fromCodePoint(code);
    const [first = ''] = sign.normalize('NFKD');
    if (!/[\p{M}\uff9e\uff9f]/u.test(sign) && /\p{M}/u.test(first) && isSorted(first)) missed.push(code.toString(16));
  }
  expect(missed).toEqual([]);
  expect(['\u0301', '\u0334', '\u0345', '\u0e4d'].map(isSorted)).toEqual([true, true, true, false]);
});

test('a text of a million marks is folded at once', () => {
  // Uncut, this takes minutes.
  expect(foldText(`A${'\u0301\u0316'.repeat(500_000)}`).startsWith(`á${'\u0316'.repeat(15)}`)).toBe(true);
}, 20_000);
