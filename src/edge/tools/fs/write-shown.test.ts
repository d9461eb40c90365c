// What the owner is shown of a Write is what is written, byte for byte; where something changed meanwhile nothing is written at all.
import { createHash } from 'node:crypto';
import {
  chmodSync,
  linkSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { create } from '@bufbuild/protobuf';
import { expect, test } from 'vitest';
import { FileAction } from '../../../../gen/bowline/approval/v1/approval_pb.ts';
import { WriteMode, WriteRequestSchema } from '../../../../gen/bowline/capability/fs/v1/fs_pb.ts';
import { edgeFolder, edgeRig } from '../../../../test/support/edge-rig.ts';
import { fileOf, preparedChange, reasonOf } from '../../../../test/support/prepared-change.ts';
import { writeTool } from './write.ts';

const NAME = 'docs/out.txt';
const { CREATE, REPLACE, APPEND } = WriteMode;
const sha = (text: string | Uint8Array) => createHash('sha256').update(text).digest();

async function writes(files: Readonly<Record<string, string | Uint8Array>> = {}) {
  const dir = edgeFolder(files);
  const rig = await edgeRig(dir, { config: `allow:\n  write: [{path: DIR/${NAME}, confirm: always}]\n` });
  const tool = writeTool(rig.parts);
  const file = join(dir, NAME);
  const write = (text: string, mode: WriteMode = REPLACE) =>
    preparedChange(tool, create(WriteRequestSchema, { path: NAME, text, mode }));
  return { dir, file, write, close: rig.close, content: () => readFileSync(file, 'utf8') };
}

test('the effect says what is there, what will be there, and the difference', async () => {
  const { dir, file, write, close, content } = await writes({ [NAME]: 'eins\n二\n' });
  chmodSync(file, 0o640);
  const { dev, ino } = statSync(file, { bigint: true });
  const { show, work } = write('eins\n三\n');
  const effect = await show();
  expect(fileOf(effect)).toMatchObject({
    action: FileAction.CHANGE,
    path: NAME,
    realPath: join(dir, NAME),
    before: { device: dev, inode: ino, sha256: sha('eins\n二\n'), bytes: 9n, mode: 0o640 },
    after: { device: 0n, inode: 0n, sha256: sha('eins\n三\n'), bytes: 9n, mode: 0o640 },
    diff: '@@ -1,2 +1,2 @@\n eins\n-二\n+三\n',
    diffLinesCut: 0n,
  });
  expect(content()).toBe('eins\n二\n');
  expect(await work(effect)).toBe('done');
  expect(content()).toBe('eins\n三\n');
  expect(statSync(file).mode & 0o7777).toBe(0o640);
  await close();
});

test('other names of a file are told, and keep the old content; one that comes meanwhile is asked about anew', async () => {
  const { dir, file, write, close, content } = await writes({ [NAME]: '旧\n' });
  linkSync(file, join(dir, 'other'));
  const { show, work } = write('neu\n');
  const effect = await show();
  expect([fileOf(effect).before?.otherNames, fileOf(effect).after?.otherNames]).toEqual([1, 0]);
  linkSync(file, join(dir, 'third'));
  expect(await work(effect)).toBe('APPROVAL_CHANGED');
  const again = await show();
  expect(fileOf(again).before?.otherNames).toBe(2);
  expect(await work(again)).toBe('done');
  expect([content(), readFileSync(join(dir, 'other'), 'utf8')]).toEqual(['neu\n', '旧\n']);
  expect(fileOf(await write('3').show()).before?.otherNames).toBe(0);
  await close();
});

test('a file that may not be read is not replaced, and its error says what to do', async (context) => {
  if (process.getuid?.() === 0) context.skip('root may read everything');
  const { file, write, close, content } = await writes({ [NAME]: 'a\n' });
  for (const mode of [REPLACE, APPEND]) {
    chmodSync(file, 0o200);
    expect(await write('b\n', mode).show().then(String, reasonOf)).toBe('REPLACED_UNREADABLE');
    chmodSync(file, 0o600);
    expect(content()).toBe('a\n');
  }
  const { show, work } = write('b\n');
  expect(await work(await show())).toBe('done');
  await close();
});

test('a new file, an empty one, text that is added, and what is no text', async () => {
  const { file, write, close } = await writes();
  const created = fileOf(await write('a\n', CREATE).show());
  expect(created.before).toBeUndefined();
  expect(created).toMatchObject({
    action: FileAction.CREATE,
    after: { bytes: 2n, mode: 0o644 },
    diff: '@@ -0,0 +1,1 @@\n+a\n',
  });
  expect(fileOf(await write('', CREATE).show())).toMatchObject({ diff: '', after: { bytes: 0n, sha256: sha('') } });
  writeFileSync(file, 'a\nb');
  expect(fileOf(await write('c\n', APPEND).show())).toMatchObject({
    after: { sha256: sha('a\nbc\n'), bytes: 5n },
    diff: '@@ -1,2 +1,2 @@\n a\n-b\n\\ No newline at end of file\n+bc\n',
  });
  expect(await write('x', CREATE).show().then(String, reasonOf)).toBe('FILE_EXISTS');
  const bytes = Buffer.from([0, 255, 10]);
  writeFileSync(file, bytes);
  expect(fileOf(await write('text\n').show())).toMatchObject({
    before: { sha256: sha(bytes) },
    diff: '@@ -0,0 +1,1 @@\n+text\n',
    diffLinesCut: 1n,
  });
  await close();
});

test('text that is added to a large file is shown with the lines before it, and where it stands', async () => {
  const line = `${'x'.repeat(99)}\n`;
  const { write, close } = await writes({ [NAME]: line.repeat(60_000) });
  expect(fileOf(await write('new\n', APPEND).show())).toMatchObject({
    before: { bytes: 6_000_000n },
    diff: `@@ -59998,3 +59998,4 @@\n ${line} ${line} ${line}+new\n`,
    diffLinesCut: 0n,
  });
  expect(fileOf(await write('new\n').show())).toMatchObject({ diff: '@@ -0,0 +1,1 @@\n+new\n', diffLinesCut: 60_000n });
  await close();
});

test('1 MiB of one letter is shown in part, and written whole', async () => {
  const text = 'a'.repeat(1 << 20);
  const { write, close, content } = await writes({ [NAME]: 'b'.repeat(1 << 20) });
  const { show, work } = write(text);
  const effect = await show();
  expect(fileOf(effect).diff).toContain('… (1048576 bytes)');
  expect(fileOf(effect).diffLinesCut).toBe(2n);
  expect(await work(effect)).toBe('done');
  expect(content()).toBe(text);
  await close();
});

type Place = { readonly dir: string; readonly file: string };
const MEANWHILE: Readonly<Record<string, (place: Place) => void>> = {
  'its content changed': ({ file }) => writeFileSync(file, 'other'),
  'its content changed to as many bytes, at the same time': ({ file }) => {
    const { atime, mtime } = statSync(file);
    writeFileSync(file, 'OLD\n');
    utimesSync(file, atime, mtime);
  },
  'another file took its place': ({ dir, file }) => {
    writeFileSync(join(dir, 'docs/new'), 'old\n');
    renameSync(join(dir, 'docs/new'), file);
  },
  'its permissions changed': ({ file }) => chmodSync(file, 0o600),
  'it is gone': ({ file }) => rmSync(file),
  'a link took its place': ({ dir, file }) => {
    rmSync(file);
    symlinkSync(join(dir, 'outside'), file);
  },
  'a folder took its place': ({ file }) => {
    rmSync(file);
    mkdirSync(file);
  },
  'a link took the place of its folder': ({ dir }) => {
    renameSync(join(dir, 'docs'), join(dir, 'moved'));
    symlinkSync(join(dir, 'moved'), join(dir, 'docs'));
  },
};
test.each(Object.entries(MEANWHILE))('%s between the yes and the work: nothing is written', async (_, meanwhile) => {
  for (const mode of [REPLACE, APPEND]) {
    const { dir, file, write, close } = await writes({ [NAME]: 'old\n', outside: 'untouched' });
    chmodSync(file, 0o644);
    const { show, work } = write('new\n', mode);
    const effect = await show();
    meanwhile({ dir, file });
    const seen = () => [
      readFileSync(join(dir, 'outside'), 'utf8'),
      readdirSync(dir).sort(),
      readdirSync(join(dir, 'docs')),
      statSync(file, { throwIfNoEntry: false })?.isFile() && readFileSync(file, 'utf8'),
    ];
    const before = seen();
    expect(await work(effect)).toMatch(/^(APPROVAL_CHANGED|PATH_NOT_ALLOWED|NOT_A_FILE)$/);
    expect(seen()).toEqual(before);
    await close();
  }
});

test('a file that came into being between the yes and the work is not replaced', async () => {
  for (const mode of [CREATE, REPLACE]) {
    const { file, write, close, content } = await writes();
    const { show, work } = write('new\n', mode);
    const effect = await show();
    writeFileSync(file, 'someone else wrote this');
    expect(await work(effect)).toBe('APPROVAL_CHANGED');
    expect(content()).toBe('someone else wrote this');
    await close();
  }
});

test('a yes for one text is none for another', async () => {
  const { write, close, content } = await writes({ [NAME]: 'old\n' });
  const effect = await write('new\n').show();
  expect(await write('NEW\n').work(effect)).toBe('APPROVAL_CHANGED');
  expect(content()).toBe('old\n');
  await close();
});

test('below a folder: links that stay in it are followed, those that lead out, to what is denied, or stand in the place of the file are not', async () => {
  const dir = edgeFolder({ 'docs/sub/a.md': 'a', 'outside/x.md': 'untouched', 'docs/.git/config': 'untouched' });
  const rig = await edgeRig(dir, { config: 'allow:\n  write: [{path: DIR/docs, confirm: never}]\n' });
  const tool = writeTool(rig.parts);
  const link = (to: string, name: string) => symlinkSync(join(dir, to), join(dir, 'docs', name));
  link('docs/sub', 'in');
  link('outside', 'out');
  link('docs/.git', 'git');
  link('docs/sub/a.md', 'file');
  const done = (path: string) =>
    preparedChange(tool, create(WriteRequestSchema, { path, text: 'b', mode: REPLACE })).work();
  expect(await done('docs/in/a.md')).toBe('done');
  expect(readFileSync(join(dir, 'docs/sub/a.md'), 'utf8')).toBe('b');
  for (const path of ['docs/out/x.md', 'docs/git/config', 'docs/file', 'docs/out/none.md']) {
    expect(await done(path), path).toBe('PATH_NOT_ALLOWED');
  }
  expect(await done('docs/none/x.md')).toBe('FILE_NOT_FOUND');
  expect(await done('docs/sub')).toBe('NOT_A_FILE');
  expect(readFileSync(join(dir, 'outside/x.md'), 'utf8')).toBe('untouched');
  expect(readdirSync(join(dir, 'outside'))).toEqual(['x.md']);
  await rig.close();
});
