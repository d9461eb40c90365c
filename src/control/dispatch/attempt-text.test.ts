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
