import fc from 'fast-check';
import picomatch from 'picomatch';
import { describe, expect, test } from 'vitest';
import { GLOB_TABLE } from '../../test/support/glob-table.ts';
import { globOf, literalGlob, nameGlob, namePattern, splitGlob } from './glob.ts';

test.each(GLOB_TABLE)('$pattern on $path: $answer', ({ pattern, path, answer }) => {
  expect(globOf(pattern).matches(path)).toBe(answer);
});

const name = fc
  .string({ unit: fc.constantFrom('a', 'b', '.', '中'), minLength: 1, maxLength: 5 })
  .filter((one) => !/^\.+$/.test(one));
const path = fc.array(name, { minLength: 1, maxLength: 4 }).map((names) => names.join('/'));
const segment = fc.oneof(
  fc
    .array(fc.constantFrom('a', 'b', '.', '中', '*', '?', '[ab]', '[^a]', '{a,b中}'), { minLength: 1, maxLength: 5 })
    .map((signs) => signs.join(''))
    // What is left out is where the library has rules of its own: several stars in a row within a name, and dots alone.
    .filter((one) => !/^\.+$/.test(one) && !one.includes('**')),
  fc.constant('**'),
);
const glob = fc.array(segment, { minLength: 1, maxLength: 4 });

test('what is meant is what the usual library of globs says', () => {
  fc.assert(
    fc.property(glob, path, (segments, file) => {
      const pattern = segments.join('/');
      // For the library `a/**` is the folder `a` too, `**/a*/**` is not.
      const bare = segments.slice(0, segments.findLastIndex((one) => one !== '**') + 1);
      fc.pre(bare.length === segments.length || !globOf(bare.join('/')).matches(file));
      // Its dots beside other signs, and classes and braces where a leading dot may be, follow rules of their own.
      fc.pre(!/\.[*?[{]|[*?\]}]\./.test(pattern) && !(/[[{]/.test(pattern) && /(^|\/)\./.test(file)));
      expect(globOf(pattern).matches(file)).toBe(picomatch.isMatch(file, pattern));
    }),
    { numRuns: 5000 },
  );
});

test('a folder is entered exactly when something beneath it may be meant', () => {
  fc.assert(
    fc.property(glob, path, path, (segments, folder, rest) => {
      const { matches, reachesInto } = globOf(segments.join('/'));
      if (matches(`${folder}/${rest}`)) expect(reachesInto(folder)).toBe(true);
    }),
  );
  for (const [pattern, folder, enters] of [
    ['out/*.csv', 'out', true],
    ['out/*.csv', 'in', false],
    ['*.csv', 'out', false],
    ['out/**', 'out', true],
    ['{x,sub}/**/*.md', 'sub/a/b', true],
    ['**/*.md', '.git', false],
  ] as const)
    expect(globOf(pattern).reachesInto(folder), `${pattern} ${folder}`).toBe(enters);
});

test('a pattern opens what it means, what leads there and what lies beneath, each further dot by a dot of its own', () => {
  const { opens } = globOf('a/.x/*.d');
  for (const there of ['a', 'a/.x', 'a/.x/n.d', 'a/.x/n.d/deep/er']) expect(opens(there), there).toBe(true);
  const deep = globOf('.cfg/**/.keep');
  for (const folder of ['.cfg', '.cfg/deep', '.cfg/.keep']) expect(deep.opens(folder), folder).toBe(true);
  for (const file of ['.cfg/private.md', '.cfg/deep/notes.md', '.cfg'])
    expect(deep.opens(file, true), file).toBe(false);
  for (const file of ['.cfg/.keep', '.cfg/deep/.keep']) expect(deep.opens(file, true), file).toBe(true);
  for (const there of ['b', 'a/.y', 'a/.x/n.e', 'a/.x/n.d/.deep', '.x/n.d']) expect(opens(there), there).toBe(false);
});

test('without a slash List and Search look at the name alone, with one at the whole path; an empty pattern means all', () => {
  expect(nameGlob('*.md')('sub/deep/a.md')).toBe(true);
  expect(nameGlob('sub/*.md')('sub/a.md')).toBe(true);
  expect(nameGlob('sub/*.md')('x/sub/a.md')).toBe(false);
  expect(nameGlob('')('.any/thing')).toBe(true);
});

test.each([
  ['docs/[ab].md', 'docs', '[ab].md'],
  ['/x/{a/b,c}/d.md', '/x', '{a/b,c}/d.md'],
  ['/*.md', '/', '*.md'],
  ['*.md', '', '*.md'],
  ['x/{d}/[n/!y.md', 'x/{d}/[n/!y.md', ''],
  ['docs/', 'docs/', ''],
])('%s is the folder %s and the pattern %s', (text, folder, rest) => {
  expect(splitGlob(text)).toEqual({ folder, glob: rest });
});

test('a path as a pattern means itself alone', () => {
  const sign = fc.constantFrom('a', 'b', '*', '?', '[', ']', '{', '}', ',', '!', '^', '-', '(');
  const odd = fc.array(fc.string({ unit: sign, minLength: 1, maxLength: 6 }), { minLength: 1, maxLength: 3 });
  fc.assert(
    fc.property(odd, odd, (one, other) => {
      const { matches } = globOf(literalGlob(one.join('/')));
      expect(matches(one.join('/'))).toBe(true);
      if (!literalGlob(one.join('/')).startsWith(other.join('/')))
        expect(matches(other.join('/'))).toBe(one.join('/') === other.join('/'));
    }),
  );
});

describe('a pattern made to take for ever takes a moment', () => {
  const long = 'a'.repeat(255);
  test.each([
    ['many stars', '*a'.repeat(100).concat('b'), `${long}.md`],
    ['stars after letters', 'a*'.repeat(60).concat('b'), long],
    ['many folders', `${'**/'.repeat(15)}b`, `${'a/'.repeat(200)}a`],
    ['folders and names', `${'**/*a*/'.repeat(30)}b`, `${`${'a'.repeat(20)}/`.repeat(190)}a`],
    ['open braces', '{'.repeat(4_000), '{'],
    ['open brackets', '['.repeat(4_000), 'a'],
    ['brackets and braces', '[{,'.repeat(1_300), 'a'],
    ['nested braces', `${'{a,'.repeat(60)}b${'}'.repeat(60)}`, 'c'],
    ['a large class', `*[${'a-b'.repeat(80)}]*z`, long],
  ])('%s', (_, pattern, text) => {
    expect(globOf(pattern).matches(text)).toBe(false);
  });

  test('more alternatives than the bound are refused, not left out in silence', () => {
    expect(() => globOf('{a,b}'.repeat(40))).toThrow(/alternatives.*64/);
    expect(() => globOf(`{${'a,'.repeat(64)}b}`)).toThrow(/alternatives/);
    expect(globOf(`{${'a,'.repeat(63)}b}`).matches('b')).toBe(true);
  });
});

test('a name alone is matched without looking at braces', () => {
  expect(namePattern('{a,b}')('a')).toBe(false);
  expect(namePattern('local*storage')('local storage')).toBe(true);
});
