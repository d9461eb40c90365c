import { copyFileSync, existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { engineVersion, makeDatabase, unfinished, type WantedDatabase } from './make-database.ts';
import { packPrepared } from './prepared-file.ts';

function place() {
  const dir = mkdtempSync(join(tmpdir(), 'make-database-'));
  onTestFinished(() => rmSync(dir, { recursive: true }));
  const data = join(dir, 'data');
  const troubles: string[] = [];
  const make = (wanted?: WantedDatabase) =>
    makeDatabase(data, {
      wanted,
      byEngine: async (folder) => {
        mkdirSync(folder);
        writeFileSync(join(folder, 'by-engine'), '');
      },
      onTrouble: (problem) => troubles.push(problem),
    });
  return { dir, data, troubles, make };
}

test('without one that is wanted the engine makes it, without a word', async () => {
  const { data, troubles, make } = place();
  await make();
  expect(readdirSync(data)).toEqual(['by-engine']);
  expect(troubles).toEqual([]);
});

test.each([
  ['that is not there', () => {}, /ENOENT/],
  ['that is damaged', (file: string) => writeFileSync(file, 'nothing of the kind'), /cannot be used \(.+\)/],
  ['of another engine', (file: string) => writePacked(file, '0.0.1', ['a']), /it is of version 0\.0\.1 of the engine/],
  [
    'with other tables',
    (file: string) => writePacked(file, engineVersion(), ['a', 'b']),
    /tables are of another version/,
  ],
  ['that is no database', (file: string) => writePacked(file, engineVersion(), ['a']), /pg_control has no checksum/],
])('of a prepared one %s that is said, and the engine makes it', async (_name, write, said) => {
  const { dir, data, troubles, make } = place();
  const file = join(dir, 'prepared.zst');
  write(file);
  await make({ file, tables: ['a'] });
  expect(readdirSync(data)).toEqual(['by-engine']);
  expect(troubles).toEqual([expect.stringMatching(said)]);
});

test('what a killed process left is made anew; what is there with its name is not touched', async () => {
  const { data, make } = place();
  mkdirSync(unfinished(data));
  copyFileSync(import.meta.filename, join(unfinished(data), 'half'));
  await make();
  expect(readdirSync(data)).toEqual(['by-engine']);
  rmSync(join(data, 'by-engine'));
  writeFileSync(join(data, 'mine'), '');
  mkdirSync(unfinished(data));
  await make();
  expect(readdirSync(data)).toEqual(['mine']);
  expect(existsSync(unfinished(data))).toBe(false);
});

test('an empty folder is filled', async () => {
  const { data, make } = place();
  mkdirSync(data);
  await make();
  expect(readdirSync(data)).toEqual(['by-engine']);
});

const writePacked = (file: string, engine: string, tables: string[]): void =>
  writeFileSync(file, packPrepared({ stamp: { engine, tables }, folders: [], files: [] }));
