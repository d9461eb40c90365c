// What a command can leave that a list of changes cannot take: it is refused before it costs more than a list does. The layers are plain
// folders here; real overlays are in preview.test.ts.
import { execFileSync, spawnSync } from 'node:child_process';
import { chmodSync, chownSync, mkdirSync, mkdtempSync, renameSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { findChanges, listRoom } from './find-changes.ts';

const PARTS = { folder: 0, isDenied: () => false, keep: async () => {}, holdsSecret: () => false, mostBytes: 1 << 20 };

function layers() {
  const dir = mkdtempSync(join(tmpdir(), 'find-changes-'));
  // Paths in it may be longer than what one call takes.
  onTestFinished(() => void execFileSync('rm', ['-rf', dir]));
  const [lower, merged] = [join(dir, 'lower'), join(dir, 'merged')];
  for (const folder of [lower, merged]) mkdirSync(folder);
  return { dir, lower, merged, upper: merged };
}

const { signal } = new AbortController();
const found = (of: ReturnType<typeof layers>) => findChanges(of, { ...PARTS, room: listRoom(), signal });

const refused = (what: string) => ({ reason: 'PREVIEW_REFUSED', message: expect.stringContaining(what) });

test('a deep tree, and many files deep in one, are a list that is too long', async () => {
  const deep = layers();
  mkdirSync(join(deep.merged, 'd/'.repeat(520)), { recursive: true });
  await expect(found(deep)).rejects.toMatchObject(refused('a longer list of changes than the limit of 262144 bytes'));
  const many = layers();
  const at = join(many.merged, 'abcdefghijklmnopqrst/'.repeat(100));
  mkdirSync(at, { recursive: true });
  for (let n = 0; n < 200; n++) writeFileSync(join(at, `${n}`), '');
  await expect(found(many)).rejects.toMatchObject(refused('a longer list of changes'));
});

test('the folders on the way count, also those that were there before, and once', async () => {
  const deep = layers();
  for (const layer of [deep.lower, deep.merged]) mkdirSync(join(layer, 'd/'.repeat(520)), { recursive: true });
  writeFileSync(join(deep.merged, 'd/'.repeat(520), '新'), '');
  await expect(found(deep)).rejects.toMatchObject(refused('a longer list of changes'));
  const less = layers();
  const at = 'folder/'.repeat(80);
  for (const layer of [less.lower, less.merged]) mkdirSync(join(layer, at), { recursive: true });
  for (let n = 0; n < 50; n++) writeFileSync(join(less.merged, at, `${n}`), '');
  const { changes, inside } = await found(less);
  expect(changes).toHaveLength(50);
  expect(Object.keys(inside)).toHaveLength(81);
});

test('more touched names than can be held at one time', async () => {
  const of = layers();
  const name = 'n'.repeat(250);
  for (let n = 0; n < 8000; n++) symlinkSync('x', join(of.merged, `${name}${n}`));
  await expect(found(of)).rejects.toMatchObject(refused('more touched files than can be compared'));
});

test('a path that is too long for the system', async () => {
  const of = layers();
  const half = `${'n'.repeat(200)}/`.repeat(15);
  for (const part of ['a', 'b']) mkdirSync(join(of.dir, part, half), { recursive: true });
  renameSync(join(of.dir, 'b'), join(of.dir, 'a', half, 'b'));
  renameSync(join(of.dir, 'a'), join(of.merged, 'a'));
  await expect(found(of)).rejects.toMatchObject(refused('a path that is too long'));
});

test('a link to a name that is not UTF-8 is not shown as another one, where it comes and where it goes', async () => {
  for (const where of ['lower', 'merged'] as const) {
    const of = layers();
    symlinkSync(Buffer.from([0x75, 0xff, 0x79]), join(of[where], 'lk'));
    await expect(found(of)).rejects.toMatchObject(refused('a link to a name that is not UTF-8'));
  }
  const both = layers();
  for (const [where, byte] of [
    ['lower', 0xff],
    ['merged', 0xfe],
  ] as const)
    symlinkSync(Buffer.from([0x75, byte, 0x79]), join(both[where], 'lk'));
  await expect(found(both)).rejects.toMatchObject(refused('a link to a name that is not UTF-8'));
});

/** For root nothing is unreadable, so another user looks there. */
const LOOK = `
const [, of] = process.argv;
const { findChanges, listRoom } = await import(${JSON.stringify(new URL('./find-changes.ts', import.meta.url).href)});
const { signal } = new AbortController();
const parts = { folder: 0, isDenied: () => false, keep: async () => {}, holdsSecret: () => false, mostBytes: 9, room: listRoom(), signal };
await findChanges(JSON.parse(of), parts).then(({ changes }) => console.log(changes.length), (error) => console.log(error.reason, error.message));
`;

test.each([
  ['a new folder', 'merged', 'x', true],
  ['a new file', 'merged', 'x', false],
  ['a folder that was there', 'both', 'x', true],
])('%s that cannot be read', (_, where, name, isFolder) => {
  const of = layers();
  chmodSync(of.dir, 0o755);
  const mine = process.getuid?.() === 0 ? 61_234 : undefined;
  for (const layer of where === 'both' ? [of.lower, of.merged] : [of.merged]) {
    const path = join(layer, name);
    if (isFolder) mkdirSync(path);
    else writeFileSync(path, 'y');
    if (mine !== undefined) chownSync(path, mine, mine);
    if (layer === of.merged) chmodSync(path, 0);
  }
  const child = spawnSync(process.execPath, ['--input-type=module', '-e', LOOK, JSON.stringify(of)], {
    encoding: 'utf8',
    ...(mine === undefined ? {} : { uid: mine, gid: mine }),
  });
  expect(child.stdout + child.stderr).toContain('PREVIEW_REFUSED');
  expect(child.stdout).toContain('a file or folder that cannot be read');
  if (isFolder) chmodSync(join(of.merged, name), 0o700);
});
