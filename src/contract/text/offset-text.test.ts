import fc from 'fast-check';
import { expect, test } from 'vitest';
import { OffsetText } from './offset-text.ts';

/** Letters of one to four bytes, and what joins several. */
const anyText = fc.string({ unit: 'grapheme' });

test('whatever was read before, reading on from that offset gives the whole text once', () => {
  fc.assert(
    fc.property(fc.array(anyText), fc.integer({ min: 1, max: 20 }), (pieces, max) => {
      const text = new OffsetText();
      for (const piece of pieces) text.append(piece);
      let read = '';
      for (;;) {
        const more = text.from(Buffer.byteLength(read), max);
        if (more === '') break;
        read += more;
      }
      expect(read).toBe(pieces.join(''));
      expect([...text.pieces(0, max)].map((piece) => piece.text).join('')).toBe(pieces.join(''));
    }),
  );
});

test('what is appended is told at once, under the offset where it begins, however it is cut', () => {
  fc.assert(
    fc.property(fc.array(anyText), fc.integer({ min: 4, max: 20 }), (pieces, max) => {
      const [text, copy] = [new OffsetText(), new OffsetText()];
      for (const piece of pieces)
        for (const { offset, text: told } of text.appended(piece, max)) {
          expect(Buffer.byteLength(told)).toBeLessThanOrEqual(max + 3);
          copy.receive(offset, told);
        }
      expect(copy.from(0)).toBe(pieces.join(''));
    }),
  );
});

test('pieces that come twice or overlap are merged, and a gap is refused', () => {
  const text = new OffsetText();
  expect(text.receive(0, '你好')).toBe('added');
  expect(text.receive(3, '好，世界')).toBe('added');
  expect(text.receive(0, '你')).toBe('old');
  expect(text.receive(100, 'x')).toBe('gap');
  expect(text.receive(text.bytes, '')).toBe('old');
  expect(text.from(0)).toBe('你好，世界');
});

test('lost, doubled, reordered and cut anew: what is held is always the beginning of the text, and asking from its end on completes it', () => {
  fc.assert(
    fc.property(anyText, fc.array(fc.tuple(fc.nat(40), fc.nat(10))), (whole, cuts) => {
      const points = [...whole];
      const offsetOf = (point: number) => Buffer.byteLength(points.slice(0, point).join(''));
      const text = new OffsetText();
      for (const [from, length] of cuts) {
        const before = text.bytes;
        const piece = points.slice(from, from + length).join('');
        const taken = text.receive(offsetOf(from), piece);
        expect(taken === 'gap').toBe(offsetOf(from) > before);
        expect(taken === 'added').toBe(text.bytes > before);
        expect(whole.startsWith(text.from(0))).toBe(true);
      }
      text.receive(text.bytes, Buffer.from(whole).toString('utf8', text.bytes));
      expect(text.from(0)).toBe(whole);
    }),
    { numRuns: 300 },
  );
});

test('a large piece is kept, and any offset is aligned to the character after it', () => {
  const text = new OffsetText();
  const whole = '𠮷野家'.repeat(20_000);
  text.append(whole);
  expect(text.bytes).toBe(Buffer.byteLength(whole));
  let read = '';
  for (let offset = 0; offset < text.bytes; ) {
    const piece = text.from(offset, 32_768);
    expect(Buffer.byteLength(piece)).toBeLessThanOrEqual(32_771);
    offset += Buffer.byteLength(piece);
    read += piece;
  }
  expect(read).toBe(whole);
  expect([0, 1, 3, 4, 5, 7].map((offset) => text.align(offset))).toEqual([0, 4, 4, 4, 7, 7]);
  expect(text.align(text.bytes - 1)).toBe(text.bytes);
  expect(text.align(text.bytes + 5)).toBe(text.bytes + 5);
  expect(text.from(1, 4)).toBe('野家');
});

test('what does not fit is refused whole, and what comes later is refused too', () => {
  const text = new OffsetText(4);
  expect([text.receive(0, 'abc'), text.receive(3, 'de'), text.receive(3, 'd'), text.receive(4, 'e')]).toEqual([
    'added',
    'full',
    'added',
    'full',
  ]);
  expect(text.from(0)).toBe('abcd');
});
