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

test('what could not be read is not called gone', () => {
  const kept = [file('docs/locked/a.md'), file('docs/b.md'), file('docs/lockedx.md')];
  const gone = leftBehind(all('docs'), kept, [], ['docs/locked', 'docs/b.md']);
  expect(gone.map(({ id }) => id)).toEqual(['docs/lockedx.md']);
});
