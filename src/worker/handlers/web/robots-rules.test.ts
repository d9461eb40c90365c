import fc from 'fast-check';
import { expect, test } from 'vitest';
import { MOST_RULES, MOST_WILDCARDS, robotsRules } from './robots-rules.ts';

const rules = (text: string | Uint8Array, cut = false) => robotsRules(Buffer.from(text), cut, 'BowlineWeb');
const permits = (text: string | Uint8Array, path: string, cut = false) => {
  const read = rules(text, cut);
  return read === 'too many' ? read : read.permits(new URL(path, 'https://a.example'));
};
const forAll = (...lines: string[]) => ['User-agent: *', ...lines].join('\n');

test.each([
  // RFC 9309, section 2.2.2: two spellings of a path are one.
  ['/foo/bar?baz=quz', '/foo/bar?baz=quz'],
  ['/foo/bar?baz=https://foo.bar', '/foo/bar?baz=https%3A%2F%2Ffoo.bar'],
  ['/foo/bar/\u30c4', '/foo/bar/%E3%83%84'],
  ['/foo/bar/%E3%83%84', '/foo/bar/\u30c4'],
  ['/foo/bar/%e3%83%84', '/foo/bar/%E3%83%84'],
  ['/foo/bar/%62%61%7A', '/foo/bar/baz'],
  ['/joe/', '/%6Aoe/x'],
  ['/%6aoe/', '/joe/x'],
  // Section 2.2.3: signs that mean something are escaped where they are meant themselves.
  ['/path/file-with-a-%2A.html', '/path/file-with-a-*.html'],
  ['/path/foo-%24', '/path/foo-$'],
  ['/a$b', '/a$b'],
  ['/*.gif$', '/pictures/a.gif'],
  ['/this/*/exactly', '/this/path/exactly'],
  ['*.php', '/x/y.php?z'],
  ['/a***b', '/a/b'],
  ['/%zz', '/%zz'],
  ['/100%', '/100%25'],
])('a rule for %s is one for %s', (rule, path) => {
  expect(permits(forAll(`Disallow: ${rule}`), path)).toBe(false);
});

test.each([
  ['/*.gif$', '/a.gif?x'],
  ['/a%2Ab', '/axb'],
  ['/fish', '/Fish.asp'],
  ['/fish/', '/fish'],
  ['/a*bb$', '/abxb'],
  ['/aba*aba$', '/aba'],
  ['x', '/x'],
  ['', '/'],
])('a rule for %s is none for %s', (rule, path) => {
  expect(permits(forAll(`Disallow: ${rule}`), path)).toBe(true);
});

test('the longest rule that matches decides, and of two of one length the one that allows', () => {
  const text = forAll('Allow: /example/page/', 'Disallow: /example/page/disallowed.gif');
  expect(permits(text, '/example/page/')).toBe(true);
  expect(permits(text, '/example/page/disallowed.gif')).toBe(false);
  expect(permits(forAll('Disallow: /p', 'Allow: /p'), '/page')).toBe(true);
  expect(permits(forAll('Disallow: /*.htm', 'Allow: /p'), '/page.htm')).toBe(false);
  expect(permits(forAll('Disallow: /', 'Allow: /$'), '/')).toBe(true);
  expect(permits(forAll('Disallow: /', 'Allow: /$'), '/x')).toBe(false);
  expect(permits(forAll('Disallow: /'), '/robots.txt')).toBe(true);
});

test('groups: own ones before those of all, several for one name, several names for one', () => {
  const text = [
    'Disallow: /before-any',
    'User-agent: OtherBot',
    'user-agent: bowlineWEB/2.1 (anything)',
    'Sitemap: https://a.example/sitemap.xml',
    'USER-AGENT : ThirdBot',
    'Disallow: /one',
    'User-agent: *',
    'Disallow: /all',
    'User-agent: BowlineWebOther',
    'Disallow: /longer-name',
    'User-agent: BowlineWeb # ours again',
    'DISALLOW: /two # and a comment',
  ].join('\r\n');
  const allowed = (path: string) => permits(text, path);
  expect(['/one', '/two'].map(allowed)).toEqual([false, false]);
  expect(['/all', '/before-any', '/longer-name'].map(allowed)).toEqual([true, true, true]);
  expect(permits('User-agent: BowlineWeb\n\nUser-agent: *\nDisallow: /', '/x')).toBe(false);
  expect(permits('User-agent: BowlineWeb\nAllow:\n\nUser-agent: *\nDisallow: /', '/x')).toBe(true);
  expect(permits('User-agent: bowline\nDisallow: /', '/x')).toBe(true);
});

test('line ends of all systems, byte order marks and nonsense are read over', () => {
  for (const end of ['\n', '\r', '\r\n', '\n\n']) {
    expect(permits(['User-agent:*', 'Disallow:/no', 'Allow:/no/yes'].join(end), '/no')).toBe(false);
  }
  expect(permits('\ufeffUser-agent: *\nDisallow: /', '/x')).toBe(false);
  expect(permits('<!doctype html><p>Disallow: /', '/x')).toBe(true);
  expect(permits(Buffer.from([0xff, 0xfe, 0, 0x80, 0x0a]), '/x')).toBe(true);
  expect(permits('', '/x')).toBe(true);
});

test('the last line of a file that was cut is not believed', () => {
  const text = forAll('Disallow: /secret', 'Allow: /');
  expect(permits(text, '/secret')).toBe(false);
  expect(permits(forAll('Disallow: /', 'Allow: /'), '/x')).toBe(true);
  expect(permits(forAll('Disallow: /', 'Allow: /'), '/x', true)).toBe(false);
});

test('a pause is that of the own group', () => {
  const delay = (text: string) => {
    const read = rules(text);
    return read === 'too many' ? read : read.delay;
  };
  expect(delay('User-agent: *\nCrawl-delay: 9\nUser-agent: BowlineWeb\nCrawl-delay: 2.5\nDisallow: /x')).toBe(2.5);
  expect(delay(forAll('Crawl-delay: 1e9', 'Crawl-delay: -1', 'Crawl-delay: soon'))).toBe(0);
});

test('more rules than are obeyed are told as that, and only those of the own group count', () => {
  const many = (rule: (at: number) => string, count: number) => Array.from({ length: count }, (_, at) => rule(at));
  const plain = (count: number) => many((at) => `Allow: /${at}`, count);
  const wild = (count: number) => many((at) => `Allow: /*${at}`, count);
  expect(permits(forAll(...plain(MOST_RULES)), '/x')).toBe(true);
  expect(permits(forAll(...plain(MOST_RULES + 1)), '/x')).toBe('too many');
  expect(permits(forAll(...wild(MOST_WILDCARDS)), '/x')).toBe(true);
  expect(permits(forAll(...wild(MOST_WILDCARDS + 1)), '/x')).toBe('too many');
  expect(permits(forAll(...wild(1).flatMap((rule) => Array(9 * MOST_WILDCARDS).fill(rule))), '/x')).toBe(true);
  expect(permits(`${forAll(...wild(2 * MOST_WILDCARDS))}\nUser-agent: BowlineWeb\nAllow: /`, '/x')).toBe(true);
});

test('a match is that of the same rule as a regular expression', () => {
  const letters = (least: number, most: number) =>
    fc.array(fc.constantFrom('a', 'a', 'a', 'b'), { minLength: least, maxLength: most }).map((all) => all.join(''));
  const rule = fc.array(fc.oneof(letters(0, 3), letters(9, 14)), { minLength: 1, maxLength: 5 });
  fc.assert(
    fc.property(rule, letters(0, 60), fc.boolean(), (pieces, path, anchored) => {
      const end = anchored ? '$' : '';
      const same = new RegExp(`^/${pieces.join('.*')}${end}`);
      expect(permits(forAll(`Disallow: /${pieces.join('*')}${end}`), `/${path}`)).toBe(!same.test(`/${path}`));
    }),
    { numRuns: 3000 },
  );
});
