import { chmodSync, mkdirSync, mkdtempSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test, vi } from 'vitest';
import { ManualClock } from '../../../test/support/manual-clock.ts';
import { type Clock, systemClock } from '../../base/clock.ts';
import { AppError } from '../../base/errors.ts';
import { readSmall } from '../../base/read-small.ts';
import { type FileReading, LiveFile } from './live-file.ts';

async function live(first = 'one', clock: Clock = systemClock) {
  const dir = mkdtempSync(join(tmpdir(), 'live-file-'));
  onTestFinished(() => rmSync(dir, { recursive: true, force: true }));
  const file = join(dir, 'config.yaml');
  writeFileSync(file, first);
  const seen: string[] = [];
  let reads = 0;
  const text = (now: FileReading<{ text: string }>) => ('value' in now ? now.value.text : `! ${now.problem.message}`);
  const one = await LiveFile.open<{ text: string }>({
    file,
    clock,
    read: async () => {
      reads++;
      const read = readSmall(file, 1000);
      if (read && 'problem' in read) throw new AppError('USAGE', { what: read.problem });
      if (read?.text.includes('bad')) throw new AppError('USAGE', { what: read.text });
      return { text: read?.text ?? 'none' };
    },
    onRead: (now) => seen.push(text(now)),
  });
  onTestFinished(() => one.stop());
  const now = async () => (await one.current()).text;
  const fails = async () => now().catch((error: AppError) => `! ${error.message}`);
  return { dir, file, one, seen, now, fails, reads: () => reads };
}

test('what is asked for after a save is what was saved, however it was saved', async () => {
  const { dir, file, one, now, fails } = await live();
  expect(await now()).toBe('one');
  const before = await one.current();
  expect(one.isCurrent(before)).toBe(true);
  writeFileSync(file, 'two');
  expect(one.isCurrent(before)).toBe(false);
  expect(await now()).toBe('two');
  writeFileSync(join(dir, 'new'), '三');
  renameSync(join(dir, 'new'), file);
  expect(await now()).toBe('三');
  rmSync(file);
  expect(await now()).toBe('none');
  writeFileSync(join(dir, 'kept.yaml'), 'four');
  symlinkSync(join(dir, 'kept.yaml'), file);
  expect(await now()).toBe('four');
  // The link stays, and what it leads to changes, with as many bytes.
  writeFileSync(join(dir, 'kept.yaml'), 'five');
  expect(await now()).toBe('five');
  rmSync(file);
  symlinkSync(file, file);
  expect(await fails()).toContain('ELOOP');
  rmSync(file);
  mkdirSync(file);
  expect(await fails()).toContain('is a folder');
  rmSync(file, { recursive: true });
  writeFileSync(file, 'six');
  expect(await now()).toBe('six');
  chmodSync(file, 0o640);
  const after = await one.current();
  expect(after.text).toBe('six');
});

test('half of a file is never read while the rest is on its way, and what waits goes when nobody wants it', async () => {
  const clock = new ManualClock();
  const { file, one, now, seen } = await live('one', clock);
  const step = async (ms: number) => {
    clock.advance(ms);
    for (let turn = 0; turn < 10; turn++) await Promise.resolve();
  };
  writeFileSync(file, 'part 0');
  const asked = now();
  const given = new AbortController();
  const impatient = one.current(given.signal).catch((error: Error) => error.message);
  given.abort(new Error('nobody wants it'));
  expect(await impatient).toBe('nobody wants it');
  for (let n = 1; n < 20; n++) {
    await step(20);
    writeFileSync(file, 'x'.repeat(n));
    await step(20);
    await step(20);
  }
  expect(seen).toEqual(['one']);
  writeFileSync(file, 'whole');
  for (let n = 0; n < 8; n++) await step(20);
  expect(await asked).toBe('whole');
  expect(seen).toEqual(['one', 'whole']);
});

test('what cannot be used is no value at all until it can be; nobody need ask for it to be noticed', async () => {
  const { file, one, now, fails, seen, reads } = await live();
  await now();
  writeFileSync(file, 'bad 坏');
  expect(await fails()).toBe('! bad 坏');
  expect(one.problem?.message).toBe('bad 坏');
  expect(one.last.text).toBe('one');
  writeFileSync(file, 'good');
  await vi.waitFor(() => expect(seen.at(-1)).toBe('good'), 5_000);
  expect(one.problem).toBeUndefined();
  const before = reads();
  const all = await Promise.all(Array.from({ length: 100 }, now));
  expect(new Set(all)).toEqual(new Set(['good']));
  expect(reads()).toBe(before);
});
