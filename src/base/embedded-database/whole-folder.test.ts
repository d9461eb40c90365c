import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { damaged, mustBeWhole } from './whole-folder.ts';

function place() {
  const dir = mkdtempSync(join(tmpdir(), 'whole-folder-'));
  onTestFinished(() => rmSync(dir, { recursive: true }));
  const data = join(dir, 'data');
  return { dir, data, look: () => mustBeWhole(dir, data, 'runs') };
}

test('a folder that has not the first file of a database is damaged, and is never made anew', () => {
  const { data, look } = place();
  look();
  mkdirSync(join(data, 'base'), { recursive: true });
  expect(look).toThrow(/PG_VERSION is missing.*restore .* from a backup.*runs are lost/);
  writeFileSync(join(data, 'PG_VERSION'), '18\n');
  look();
  writeFileSync(join(data, 'PG_VERSION'), '\n');
  expect(look).toThrow(expect.objectContaining({ reason: 'DATABASE_UNUSABLE' }));
});

test('an empty folder is as good as none', () => {
  const { data, look } = place();
  mkdirSync(data);
  look();
});

test('what an engine says that gave up is told in words', () => {
  const { dir } = place();
  expect(damaged(dir, 'Aborted(). Build with -sASSERTIONS for more info.', 'runs').message).toMatch(
    /cannot be opened \(its engine gave up\)/,
  );
});
