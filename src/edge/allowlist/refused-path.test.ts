import { expect, test } from 'vitest';
import { AppError } from '../../base/errors.ts';
import { refusedPath } from './refused-path.ts';

const root = (path: string) => ({ name: 'notes', path, realPath: path, readable: true });
const told = (typed: string, paths = ['/home/li/笔记']) =>
  (refusedPath(new AppError('PATH_NOT_ALLOWED'), typed, paths.map(root)) as AppError).message;

test('a path outside is named, with the folders that are allowed and what to do', () => {
  expect(told('/etc/密码.md')).toBe(
    '"/etc/密码.md" is in no allowed folder (allowed: /home/li/笔记). Name its folder with --allow, or under allow.read in config.yaml, when the edge is started',
  );
  expect(told('/etc/**/*.md')).toContain('"/etc/**/*.md" is in no allowed folder');
  expect(told('/home/li/笔记-old/a.md')).toContain('is in no allowed folder');
  expect(told('/x', [])).toContain('(allowed: none is)');
  expect(told('/x', ['/1', '/2', '/3', '/4', '/5', '/6', '/7'])).toContain('(allowed: /1, /2, /3, /4, /5, 2 more)');
});

test('a path inside that is hidden, secret or led out is told so', () => {
  for (const typed of ['/home/li/笔记/.env', 'notes/.env', '/home/li/笔记/../笔记/.git/*'])
    expect(told(typed)).toContain(`"${typed}" is below an allowed folder and not allowed all the same`);
});

test('other errors, and names that cannot be told, stay as they are', () => {
  const other = new AppError('FILE_NOT_FOUND');
  expect(refusedPath(other, '/x', [])).toBe(other);
  const refused = new AppError('PATH_NOT_ALLOWED');
  expect(refusedPath(refused, '/x\u202e', [])).toBe(refused);
});
