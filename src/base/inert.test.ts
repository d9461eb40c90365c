// What a terminal may be shown: everything that people write, and nothing that hides or obeys.
import { describe, expect, test } from 'vitest';
import { inert, inertJson } from './inert.ts';

describe('what draws nothing is shown by its number', () => {
  test.each([
    '00AD',
    '034F',
    '115F',
    '1160',
    '17B4',
    '180E',
    '200B',
    '200D',
    '2060',
    '2800',
    '3164',
    'FE00',
    'FEFF',
    'FFA0',
    'E0041',
    'E0100',
  ])('U+%s', (hex) => {
    const char = String.fromCodePoint(Number.parseInt(hex, 16));
    expect(inert(`a ${char} b`)).toBe(`a <U+${hex}> b`);
    expect(inertJson(`a ${char} b`)).not.toContain(char);
  });
});

describe('what people write stays as it is', () => {
  test.each(['👩‍👩‍👧‍👦 👩🏽‍🚀 ❤️ 1️⃣', 'क्‍ष', 'می‌خواهم', 'ᠮᠣᠩᠭᠣᠯ ᠪᠢᠴᠢ᠋ᠭ', '合同的终止日期', 'Größe, naïve, e\u0301'])(
    '%s',
    (text) => {
      expect(inert(text)).toBe(text);
    },
  );
});
