import { chmodSync, mkdtempSync, readdirSync, rmSync, statSync, symlinkSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import {
  readHandedOver,
  readOrCreatePrivate,
  readPrivate,
  removeLeftTemporaries,
  writePrivate,
} from './private-file.ts';

const disk = vi.hoisted(() => ({ full: false }));
vi.mock('node:fs', async (original) => {
  const fs = await original<typeof import('node:fs')>();
  const fsyncSync = (handle: number) => {
    if (disk.full) throw Object.assign(new Error('no space left on device'), { code: 'ENOSPC' });
    fs.fsyncSync(handle);
  };
  return { ...fs, fsyncSync };
});

let folder: string;
let file: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'private-file-'));
  file = join(folder, 'a.key');
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const put = (mode: number, text = 'secret\n') => {
  writeFileSync(file, text);
  chmodSync(file, mode);
};

test('what is written is there whole with mode 0600, and nothing else is left in the folder', () => {
  expect(readPrivate(file)).toBeUndefined();
  const before = process.umask(0o277);
  writePrivate(file, 'one', { replace: false });
  process.umask(before);
  expect(statSync(file).mode & 0o777).toBe(0o600);
  writePrivate(file, 'two', { replace: false });
  expect(readPrivate(file)).toBe('one');
  writePrivate(file, 'two', { replace: true });
  expect(readPrivate(file)).toBe('two');
  expect(readdirSync(folder)).toEqual(['a.key']);
});

test('a file is made once', () => {
  expect(readOrCreatePrivate(file, () => 'first')).toBe('first');
  expect(readOrCreatePrivate(file, () => 'second')).toBe('first');
});

test('what cannot be written says so and leaves nothing behind', () => {
  writeFileSync(file, 'x');
  const below = join(file, 'b.key');
  expect(() => writePrivate(below, 'x', { replace: true })).toThrow(/b\.key cannot be written: /);
  expect(readdirSync(folder)).toEqual(['a.key']);
});

test('on a full disk a file that says the same already stays, with a new time; another text is DISK_FULL', () => {
  writePrivate(file, '一', { replace: true });
  utimesSync(file, 1, 1);
  disk.full = true;
  try {
    writePrivate(file, '一', { replace: true });
    expect(statSync(file).mtimeMs).toBeGreaterThan(1_000);
    expect(() => writePrivate(file, '二', { replace: true })).toThrow(
      expect.objectContaining({ reason: 'DISK_FULL', message: expect.stringContaining(file) }),
    );
  } finally {
    disk.full = false;
  }
  expect(readPrivate(file)).toBe('一');
  expect(readdirSync(folder)).toEqual(['a.key']);
});

test('what a killed writer left is removed, and neither what is being written nor anything else', () => {
  const left = ['config.yaml.0123456789ab', 'config.yaml.ba9876543210', 'notes.0123', 'a.key'];
  for (const name of left) writeFileSync(join(folder, name), 'x');
  for (const name of left.slice(1)) utimesSync(join(folder, name), 1, 1);
  removeLeftTemporaries(folder);
  expect(readdirSync(folder).sort()).toEqual(['a.key', 'config.yaml.0123456789ab', 'notes.0123']);
});

test('a secret that others can read is refused, one that they can change under any rule', () => {
  put(0o644);
  expect(() => readPrivate(file)).toThrow(/can be read by other users.*chmod 600/);
  expect(readPrivate(file, { shared: true })).toBe('secret\n');
  put(0o622);
  for (const trust of [{}, { shared: true }, { link: true, ours: true, shared: true }])
    expect(() => readPrivate(file, trust)).toThrow(/can be changed by other users/);
});

test('a link is followed only where secrets are handed over', () => {
  put(0o400);
  const link = join(folder, 'link');
  symlinkSync(file, link);
  expect(() => readPrivate(link)).toThrow(/cannot be read \(ELOOP\)/);
  expect(readHandedOver(link)).toBe('secret');
  expect(() => readHandedOver(join(folder, 'none'))).toThrow(/cannot be read \(ENOENT\)/);
});

test('what is no small file of ours is refused', () => {
  expect(() => readPrivate(folder, { ours: true, shared: true })).toThrow(/is no file/);
  put(0o600, 'x'.repeat((64 << 10) + 1));
  expect(() => readPrivate(file)).toThrow(/far too large/);
  expect(readPrivate(join(file, 'below'), { ours: true })).toBeUndefined();
});
