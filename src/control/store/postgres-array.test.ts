// Arrays in the binary form of Postgres, byte by byte. That a server takes them is shown by every commit of the conformance suite.
import { expect, test } from 'vitest';
import { BytesArray, TextArray } from './postgres-array.ts';

/** Numbers of four bytes, and texts. */
const expected = (...parts: (number | string)[]) =>
  Buffer.concat(
    parts.map((part) => {
      if (typeof part === 'string') return Buffer.from(part);
      const number = Buffer.alloc(4);
      number.writeInt32BE(part);
      return number;
    }),
  );

test('an array has its head and each element behind its length', () => {
  const texts = new TextArray();
  texts.add('a', null, undefined, 12, '', 'é');
  expect(texts.toParameter()).toEqual(expected(1, 1, 25, 6, 1, 1, 'a', -1, -1, 2, '12', 0, 2, 'é'));
  const bytes = new BytesArray();
  bytes.add(Buffer.from('xyz'));
  expect(bytes.toParameter()).toEqual(expected(1, 1, 17, 1, 1, 3, 'xyz'));
});

test('an array without elements has no dimension', () => {
  expect(new TextArray().toParameter()).toEqual(expected(0, 1, 25));
});

test('it grows to what is added, short and long', () => {
  const texts = new TextArray();
  const all = Array.from({ length: 60 }, (_, n) => '漢'.repeat(n * n));
  texts.add(...all);
  const parts = all.flatMap((text) => [3 * text.length, text]);
  expect(texts.toParameter()).toEqual(expected(1, 1, 25, all.length, 1, ...parts));
});

test('NUL and halves of a surrogate pair are replaced', () => {
  const texts = new TextArray();
  texts.add('a\0b', '\ud800', `${'x'.repeat(2000)}\udc00`);
  const long = `${'x'.repeat(2000)}\ufffd`;
  expect(texts.toParameter()).toEqual(expected(1, 1, 25, 3, 1, 5, 'a\ufffdb', 3, '\ufffd', 2003, long));
});
