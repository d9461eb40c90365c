import { expect, test } from 'vitest';
import { wideRoots } from './wide-roots.ts';

const told = (realPath: string) => wideRoots([{ realPath }], '/home/anna/.bowline').length;

test('a folder that holds the home of Bowline is warned of, others are not', () => {
  expect(['/', '/home', '/home/anna', '/home/anna/.bowline'].map(told)).toEqual([1, 1, 1, 1]);
  expect(['/home/anna/notes', '/home/annabel', '/home/anna/.bowline-work', '/srv/笔记'].map(told)).toEqual([
    0, 0, 0, 0,
  ]);
  expect(wideRoots([{ realPath: '/' }], '/home/anna/.bowline')[0]).toContain('/ is allowed as a whole');
});
