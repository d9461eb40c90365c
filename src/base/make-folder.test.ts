import { existsSync, mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { lockHome } from './home-lock.ts';
import { makeFolder } from './make-folder.ts';

test('folders are made with those above them, for their owner alone, and may be there already', () => {
  const top = mkdtempSync(join(tmpdir(), 'bowline-folder-'));
  try {
    const path = join(top, 'a', 'b', 'c');
    makeFolder(path);
    makeFolder(path);
    expect(statSync(path).mode & 0o777).toBe(0o700);
  } finally {
    rmSync(top, { recursive: true });
  }
});

test.skipIf(!existsSync('/proc/self'))('a home where no folder can be made is an error, not an endless loop', () => {
  expect(() => lockHome('/proc/bowline/home', 'edge')).toThrow(expect.objectContaining({ reason: 'HOME_UNUSABLE' }));
});
