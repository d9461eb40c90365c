import { expect, test } from 'vitest';
import { leftBehind } from './left-behind.ts';

const file = (path: string, content = path) => ({ path, id: path, sha256: Buffer.from(content) });
const all = (name: string, glob = '') => [{ name, glob }];

test('a document whose file is gone from an added folder is left behind, with where its content is now', () => {
  const kept = [
    file('docs/a.md'),
    file('docs/sub/b.md', 'B'),
    file('docs/c.md'),
    file('docs2/x.md'),
    file('other/y.md'),
  ];
  const added = [file('docs/a.md'), file('docs/sub/renamed.md', 'B')];
  expect(leftBehind(all('docs'), kept, added, [])).toEqual([
    { id: 'docs/sub/b.md', now: 'docs/sub/renamed.md' },
    { id: 'docs/c.md', now: '' },
  ]);
});

test('only what the pattern meant is looked at', () => {
  const kept = [file('docs/a.md'), file('docs/b.txt'), file('docs/sub/c.md')];
  const gone = (glob: string) => leftBehind(all('docs', glob), kept, [], []).map(({ id }) => id);
  expect(gone('*.md')).toEqual(['docs/a.md']);
  expect(gone('**/*.md')).toEqual(['docs/a.md', 'docs/sub/c.md']);
  expect(leftBehind([], kept, [], [])).toEqual([]);
});

test('a document is the same in each Unicode form of its name, so a folder that was copied loses none', () => {
  const names = ['docs/Jose\u0301/a.md', 'docs/한글.md'.normalize('NFD'), 'docs/e\u0302\u0323.md'];
  const kept = names.map((name) => file(name));
  const added = names.map((name) => file(name.normalize('NFC')));
  expect(leftBehind(all('docs'), kept, added, [])).toEqual([]);
  expect(leftBehind(all('docs', 'Jos\u00e9/*.md'), kept, [], []).map(({ id }) => id)).toEqual([names[0]]);
  expect(leftBehind(all('docs'), kept, [], ['docs/Jos\u00e9', 'docs/한글.md', 'docs/\u1ec7.md'])).toEqual([]);
});

test('what could not be read is not called gone', () => {
  const kept = [file('docs/locked/a.md'), file('docs/b.md'), file('docs/lockedx.md')];
  const gone = leftBehind(all('docs'), kept, [], ['docs/locked', 'docs/b.md']);
  expect(gone.map(({ id }) => id)).toEqual(['docs/lockedx.md']);
});
