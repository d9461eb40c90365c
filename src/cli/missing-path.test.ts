import { expect, test } from 'vitest';
import { AppError } from '../base/errors.ts';
import { namingMissing } from './missing-path.ts';

test('a path that its owner mistyped is told as not there; one that is there, and any other error, stay as they are', () => {
  const caller = { cwd: '/', env: { HOME: '/nonexistent' } };
  const refused = new AppError('PATH_NOT_ALLOWED');
  for (const typed of ['~/stuf', './笔记.md', '/nonexistent/a.md#L1-L3']) {
    const told = namingMissing(refused, ['/', typed], caller) as AppError;
    expect([told.reason, told.message]).toEqual(['SHARE_NO_MATCH', expect.stringContaining('no such file or folder')]);
  }
  expect(namingMissing(refused, ['/', 'docs/a.md', '/nonexistent/*.md'], caller)).toBe(refused);
  const other = new AppError('QUEUE_FULL', { limit: 1 });
  expect(namingMissing(other, ['/nonexistent/a'], caller)).toBe(other);
});
