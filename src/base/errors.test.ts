// How errors are worded from their table.
import { expect, test } from 'vitest';
import { AppError } from './errors.ts';

const limit = (setting: string): string => new AppError('LIMIT_EXCEEDED', { what: 'it', limit: 3, setting }).message;

test('a limit names the setting that raises it; a fixed one says so, and what to do instead', () => {
  expect(limit('limits.file_bytes')).toBe('it is over the limit of 3; raise limits.file_bytes if this is right');
  expect(limit('nothing; send less')).toBe('it is over the limit of 3; it is fixed: send less');
  expect(limit('nothing, and name those to look into')).toBe(
    'it is over the limit of 3; it is fixed: name those to look into',
  );
  expect(limit('nothing; it is fixed')).not.toContain('nothing');
});
