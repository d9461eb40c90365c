import fc from 'fast-check';
import { expect, test } from 'vitest';
import { AttemptText } from './attempt-text.ts';

test('whatever was read before, reading on from that offset gives the whole text once', () => {
  fc.assert(
    fc.property(fc.array(fc.string({ unit: 'grapheme' })), fc.integer({ min: 1, max: 20 }), (pieces, max) => {
      const text = new AttemptText('r/0/0', 1);
      for (const piece of pieces) text.append(piece);
      let read = '';
      for (;;) {
        const more = text.from(Buffer.byteLength(read), max);
        if (more === '') break;
        read += more;
      }
      expect(read).toBe(pieces.join(''));
    }),
  );
});

test('pieces that come twice or overlap are merged, and a gap is refused', () => {
  const text = new AttemptText('r/0/0', 1);
  expect(text.merge(0, '你好')).toBe(true);
  expect(text.merge(3, '好，世界')).toBe(true);
  expect(text.merge(0, '你')).toBe(true);
  expect(text.merge(100, 'x')).toBe(false);
  expect(text.from(0)).toBe('你好，世界');
});

test('a large piece is kept in steps, and any offset is aligned to the character after it', () => {
  const text = new AttemptText('r/0/0', 1);
  const whole = '𠮷野家'.repeat(20_000);
  text.append(whole);
  expect(text.bytes).toBe(Buffer.byteLength(whole));
  let read = '';
  for (let offset = 0; offset < text.bytes; ) {
    const piece = text.from(offset, 32_768);
    expect(Buffer.byteLength(piece)).toBeLessThanOrEqual(40_000);
    offset += Buffer.byteLength(piece);
    read += piece;
  }
  expect(read).toBe(whole);
  expect([0, 1, 3, 4, 5, 7].map((offset) => text.align(offset))).toEqual([0, 4, 4, 4, 7, 7]);
  expect(text.align(text.bytes - 1)).toBe(text.bytes);
  expect(text.align(text.bytes + 5)).toBe(text.bytes + 5);
});
