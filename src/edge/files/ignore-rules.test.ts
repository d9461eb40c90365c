import ignore from 'ignore';
import { expect, test } from 'vitest';
import { IgnoreRules } from './ignore-rules.ts';

const PATHS = [
  'a.log',
  'a.md',
  'sub/a.log',
  'sub/deep/a.log',
  'sub/deep/notes.md',
  'build/x.md',
  'sub/build/x.md',
  'doc/frotz/x',
  'a/doc/frotz/x',
  'a/b/c/x.md',
  'a/x/b',
  '.hidden.log',
  'sub/.hidden/x.md',
  'name with space.md',
  '#hash.md',
  '!bang.md',
  'we{i}rd.md',
  '笔记/草稿.md',
  'star*.md',
  'aXb.md',
];
const FILES: readonly (readonly string[])[] = [
  ['*.log'],
  ['# a comment', '', '*.log\r', '!sub/a.log'],
  ['build/'],
  ['/build/'],
  ['doc/frotz'],
  ['/doc/frotz/'],
  ['**/frotz'],
  ['sub/**'],
  ['a/**/b'],
  ['a/**/x.md'],
  ['.*'],
  ['*'],
  ['*', '!*.md', '!*/'],
  ['/*.md'],
  ['\\#hash.md', '\\!bang.md'],
  ['we{i}rd.md'],
  ['star\\*.md'],
  ['a?b.md', 'sub/[a-n]*.md'],
  ['a[!Y]b.md'],
  ['笔记/', '草稿*'],
  ['name with space.md  '],
  ['sub'],
  ['sub/deep/'],
];

/** Whether a file is left out, in a folder above it or by itself. */
function leftOut(rules: IgnoreRules, path: string): boolean {
  const parts = path.split('/');
  let out = false;
  for (let length = 1; length <= parts.length && !out; length++)
    out = rules.judge(parts.slice(0, length).join('/'), length < parts.length) ?? false;
  return out;
}

test.each(FILES)('leaves out what Git would: %s', (...lines) => {
  const git = ignore().add(lines.map((line) => line.replace(/\r$/, '')).join('\n'));
  const rules = new IgnoreRules(lines);
  const mine = PATHS.filter((path) => leftOut(rules, path));
  expect(mine).toEqual(PATHS.filter((path) => git.ignores(path)));
});

test('a hostile pattern takes no time', () => {
  const rules = new IgnoreRules(Array.from({ length: 200 }, () => `${'*a'.repeat(400)}b`));
  const begun = process.cpuUsage();
  expect(rules.judge('a'.repeat(250), false)).toBeUndefined();
  expect(process.cpuUsage(begun).user).toBeLessThan(2_000_000);
});
