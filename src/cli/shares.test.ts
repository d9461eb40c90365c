import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { homedir, tmpdir } from 'node:os';
import { join } from 'node:path';
import picomatch from 'picomatch';
import { afterAll, expect, test } from 'vitest';
import { parseShare } from './shares.ts';

const folder = mkdtempSync(join(tmpdir(), 'bowline-shares-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

test('shares are made absolute in the folder of the caller, with their lines', () => {
  const cases: [string, object][] = [
    ['a.md', { pattern: '/w/a.md', startLine: 0, endLine: 0 }],
    ['../b/**/*.md', { pattern: '/b/**/*.md' }],
    ['/x/./y.md#L3', { pattern: '/x/y.md', startLine: 3, endLine: 3 }],
    ['a.md#L3-L9', { pattern: '/w/a.md', startLine: 3, endLine: 9 }],
    ['a.md#L3-9', { pattern: '/w/a.md', startLine: 3, endLine: 9 }],
    ['笔记/*.md', { pattern: '/w/笔记/*.md' }],
    ['~/n.md', { pattern: join(homedir(), 'n.md') }],
  ];
  for (const [value, share] of cases) expect(parseShare(value, '/w'), value).toMatchObject(share);
});

test('a file that is really called so is meant, whatever signs its name has', () => {
  writeFileSync(join(folder, 'a [1].md#L1'), 'x');
  expect(parseShare('a [1].md#L1', folder)).toMatchObject({ pattern: join(folder, 'a [1].md#L1'), startLine: 0 });
});

test('a glob in a folder with odd signs matches in that folder only', () => {
  const odd = join(folder, 'a[bc]{d}(e)');
  mkdirSync(odd);
  const { pattern } = parseShare('*.md', odd);
  expect(picomatch(pattern)(join(odd, 'n.md'))).toBe(true);
  expect(picomatch(pattern)(join(folder, 'abd(e)', 'n.md'))).toBe(false);
});

test('lines that are no range are refused', () => {
  for (const value of ['a#L0', 'a#L9-L3', '']) expect(() => parseShare(value, '/w'), value).toThrow(/--share/);
});
