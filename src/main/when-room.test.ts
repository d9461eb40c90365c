import { expect, test } from 'vitest';
import { AppError } from '../base/errors.ts';
import { whenRoom } from './when-room.ts';

const full = () => {
  throw new AppError('DISK_FULL', { what: '/家/control.pin' });
};

test('a full disk is waited for and told once; what stops the program ends the wait, and other errors are thrown', async () => {
  const told: string[] = [];
  const wait = { progress: (line: string) => told.push(line), everyMs: 1 };
  let left = 3;
  await whenRoom(() => {
    if (left-- > 0) full();
  }, wait);
  expect(told).toEqual([expect.stringContaining('/家/control.pin')]);
  const stop = new AbortController();
  const ended = whenRoom(full, { ...wait, everyMs: 60_000, signal: stop.signal });
  stop.abort();
  await expect(ended).rejects.toMatchObject({ reason: 'DISK_FULL' });
  const unsafe = () => {
    throw new AppError('SECRET_FILE_UNSAFE', { file: 'x', problem: 'y' });
  };
  await expect(whenRoom(unsafe, wait)).rejects.toMatchObject({ reason: 'SECRET_FILE_UNSAFE' });
});
