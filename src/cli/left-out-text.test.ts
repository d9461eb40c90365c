import { expect, test } from 'vitest';
import { leftOutLines } from './left-out-text.ts';

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
