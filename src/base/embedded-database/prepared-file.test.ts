import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { packPrepared, preparedFrom, unpackPrepared, writePrepared } from './prepared-file.ts';

const PAGE = 8192;
const stamp = { engine: '1', tables: ['first'] };

/** A folder with a file for each way that a file can end, and one without files. */
function made() {
  const dir = mkdtempSync(join(tmpdir(), 'prepared-file-'));
  onTestFinished(() => rmSync(dir, { recursive: true }));
  const from = join(dir, 'from');
  mkdirSync(join(from, 'base/5'), { recursive: true });
  mkdirSync(join(from, 'empty'));
  const files = {
    'base/5/log': Buffer.concat([Buffer.from('log'), Buffer.alloc(40 * PAGE)]),
    'base/5/none': Buffer.alloc(0),
    'base/5/zeros': Buffer.alloc(3 * PAGE),
    'base/page': Buffer.concat([Buffer.alloc(PAGE, 1), Buffer.from([1, 0, 0])]),
    version: Buffer.from('18\n'),
  };
  for (const [name, bytes] of Object.entries(files)) writeFileSync(join(from, name), bytes);
  return { files, to: join(dir, 'to'), packed: packPrepared(preparedFrom(from, stamp)) };
}

test('what was packed comes out the same, for its user only', () => {
  const { files, to, packed } = made();
  const prepared = unpackPrepared(packed);
  expect(prepared).toMatchObject({ stamp });
  // The zeros are not even in memory.
  expect(prepared.files.find(({ path }) => path === 'base/5/log')?.bytes.length).toBe(PAGE);
  writePrepared(to, prepared);
  for (const [name, bytes] of Object.entries(files)) {
    expect(readFileSync(join(to, name)).equals(bytes), name).toBe(true);
    expect(statSync(join(to, name)).mode & 0o777, name).toBe(0o600);
  }
  for (const folder of ['', 'base', 'base/5', 'empty']) expect(statSync(join(to, folder)).mode & 0o777).toBe(0o700);
  expect(readdirSync(to, { recursive: true })).toHaveLength(Object.keys(files).length + 3);
  // Never over what is there.
  expect(() => writePrepared(to, prepared)).toThrow(/EEXIST/);
});

test('a file that is cut or changed anywhere is refused', () => {
  const { packed } = made();
  for (const length of [0, 3, packed.length >> 1, packed.length - 1]) {
    expect(() => unpackPrepared(packed.subarray(0, length)), `${length} bytes`).toThrow();
  }
  for (let at = 0; at < packed.length; at += 7) {
    const changed = Buffer.from(packed);
    changed[at] = (changed[at] ?? 0) ^ 0x10;
    expect(() => unpackPrepared(changed), `byte ${at}`).toThrow();
  }
});
