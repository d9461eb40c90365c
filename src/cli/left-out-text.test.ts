import { expect, test } from 'vitest';
import { leavesPart, leftOutLines } from './left-out-text.ts';

const picture = (path: string) => ({ path, reason: 'DOCUMENT_NOT_TEXT', problem: 'it is a picture' });
const LARGE = { path: '日志.log', reason: 'FILE_TOO_LARGE', problem: 'it is too large' };

test('one line for each reason, with the first names of many', () => {
  const files = ['a.png', 'b.png', 'c.png', 'd.png', 'e.png'].map(picture);
  expect(leftOutLines([LARGE, ...files], { not: 'not shared' })).toEqual([
    'not shared: 日志.log: it is too large (FILE_TOO_LARGE)',
    'not shared: 5 files: it is a picture (DOCUMENT_NOT_TEXT)',
    '  a.png, b.png, c.png and 2 more',
    'all 6 names: --verbose',
  ]);
  expect(leftOutLines(files, { not: 'not added', more: 7, verbose: true })).toEqual([
    'not added: 5 files: it is a picture (DOCUMENT_NOT_TEXT)',
    ...['  a.png', '  b.png', '  c.png', '  d.png', '  e.png'],
    'not added: 7 more files, which would be too many to name',
  ]);
  expect(leftOutLines([], { not: 'not shared' })).toEqual([]);
});

test('a picture in a folder makes nothing partial; one that was named does, and so does any other reason', () => {
  const picture = { path: 'docs/花园.png', reason: 'DOCUMENT_NOT_TEXT' };
  expect(leavesPart([], ['docs'])).toBe(false);
  expect(leavesPart([picture], ['docs', '*.png'])).toBe(false);
  expect(leavesPart([picture], ['docs', './docs/花园.png'])).toBe(true);
  expect(leavesPart([picture], ['花园.png#L1-L3'])).toBe(true);
  expect(leavesPart([picture, { path: 'docs/a.md', reason: 'FILE_TOO_LARGE' }], ['docs'])).toBe(true);
});
