// Forms of secrets that are found by letters in their middle: with what stands before these, and not without it.
import { expect, test } from 'vitest';
import { SecretFinder } from './secret-content.ts';

const a = (letters: number): string => 'aB3'.repeat(letters).slice(0, letters);

/** Whether it is found in a long text, whole and cut anywhere. */
function found(secret: string): (string | undefined)[] {
  const text = Buffer.from(`${'words and 12 numbers. '.repeat(50)}(${secret})${' more words.'.repeat(50)}`);
  const kinds = [text.length, 7, 1000].map((size) => {
    const finder = new SecretFinder();
    for (let at = 0; at < text.length; at += size) finder.add(text.subarray(at, at + size));
    return finder.found;
  });
  return [...new Set(kinds)];
}

test.each([
  ['a token of a host', `${a(14)}.atlasv1.`, [`${a(13)}.atlasv1.`, `${a(15)}.atlasv1.`, `${a(14)}atlasv1.`]],
  [
    'a token of a messenger',
    `12345678:AA${a(33)}`,
    [`1234567:AA${a(33)}`, `x12345678:AA${a(33)}`, `12345678901:AA${a(33)}`],
  ],
  ['a token of a messenger', `1234567890:AA${a(33)}`, [`1234567890:AA${a(32)}`, `1234567890:A${a(33)}`]],
  [
    'a token of a messenger',
    `M${a(23)}.${a(6)}.${a(27)}`,
    [
      `M${a(22)}.${a(6)}.${a(27)}`,
      `P${a(23)}.${a(6)}.${a(27)}`,
      `M${a(23)}.${a(5)}.${a(27)}`,
      `xM${a(23)}.${a(6)}.${a(27)}`,
    ],
  ],
  ['a key of Azure', `abc8Q~${a(31)}`, [`bc8Q~${a(31)}`, `x-abc8Q${a(31)}`, `abc8Q~${a(30)}`]],
])('%s: %s', (kind, secret, others) => {
  expect(found(secret)).toEqual([kind]);
  for (const other of others) expect(found(other), other).toEqual([undefined]);
});
