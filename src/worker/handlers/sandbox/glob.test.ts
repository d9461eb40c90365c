import fc from 'fast-check';
import picomatch from 'picomatch';
import { expect, test } from 'vitest';
import { matchesFile, matchesName, reachesInto } from './glob.ts';

const split = (path: string) => path.split('/');
const name = fc
  .string({ unit: fc.constantFrom('a', 'b', '.', '中'), minLength: 1, maxLength: 5 })
  .filter((n) => !/^\.+$/.test(n));
const path = fc.array(name, { minLength: 1, maxLength: 4 });
const segment = fc.oneof(
  fc.string({ unit: fc.constantFrom('a', 'b', '.', '中', '*', '?'), minLength: 1, maxLength: 5 }).filter(
    // What is left out is where picomatch has rules of its own: several stars in a row within a name, and dots alone.
    (one) => !/^\.+$/.test(one) && !one.includes('**'),
  ),
  fc.constant('**'),
);
const glob = fc.array(segment, { minLength: 1, maxLength: 4 });

test('what is meant is what the usual library of globs says', () => {
  fc.assert(
    fc.property(glob, path, (pattern, file) => {
      // For the library `a/**` is the folder `a` too, `**/a*/**` is not.
      const bare = pattern.slice(0, pattern.findLastIndex((one) => one !== '**') + 1);
      fc.pre(bare.length === pattern.length || !matchesFile(bare, file));
      fc.pre(!/\.\*|\*\.|\?\.|\.\?/.test(pattern.join('/')));
      expect(matchesFile(pattern, file)).toBe(picomatch.isMatch(file.join('/'), pattern.join('/')));
    }),
    { numRuns: 3000 },
  );
});

test('a folder is entered exactly when something beneath it may be meant', () => {
  fc.assert(
    fc.property(glob, path, path, (pattern, folder, rest) => {
      if (matchesFile(pattern, [...folder, ...rest])) expect(reachesInto(pattern, folder)).toBe(true);
    }),
  );
  expect(reachesInto(['out', '*.csv'], ['out'])).toBe(true);
  expect(reachesInto(['out', '*.csv'], ['in'])).toBe(false);
  expect(reachesInto(['*.csv'], ['out'])).toBe(false);
});

test('a `**` at the end means what is beneath', () => {
  expect(matchesFile(['out', '**'], ['out', 'a', 'b'])).toBe(true);
  expect(matchesFile(['out', '**'], ['out'])).toBe(false);
  expect(reachesInto(['out', '**'], ['out'])).toBe(true);
});

test('a leading dot is matched only by a dot', () => {
  expect(matchesFile(['*'], ['.hidden'])).toBe(false);
  expect(matchesFile(['**'], ['.git', 'config'])).toBe(false);
  expect(matchesFile(['.*'], ['.hidden'])).toBe(true);
});

test('a character outside the first plane is one character', () => {
  expect(matchesName('?.txt', '😀.txt')).toBe(true);
  expect(matchesName('数?.txt', '数据.txt')).toBe(true);
});

test('a pattern made to take for ever takes a moment', () => {
  const evil = Array.from({ length: 60 }, () => 'a*').join('');
  expect(matchesName(`${evil}b`, 'a'.repeat(255))).toBe(false);
  expect(matchesFile([...Array.from({ length: 15 }, () => '**'), 'b'], split(`${'a/'.repeat(200)}a`))).toBe(false);
});
