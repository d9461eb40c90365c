// Edit, Delete, Move and MakeFolder: what is shown, what is done, and what is not done when something came between.
import {
  chmodSync,
  existsSync,
  linkSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { create, type DescMethod, type MessageInitShape } from '@bufbuild/protobuf';
import { expect, test } from 'vitest';
import { FileAction } from '../../../../gen/bowline/approval/v1/approval_pb.ts';
import { FsService, WriteMode } from '../../../../gen/bowline/capability/fs/v1/fs_pb.ts';
import { edgeFolder, edgeRig } from '../../../../test/support/edge-rig.ts';
import { fileOf, preparedChange, reasonOf } from '../../../../test/support/prepared-change.ts';
import { turnOf } from '../../../../test/support/turn-watch.ts';
import { withheldWord } from '../../../contract/withheld.ts';
import { matchesOf, replacedText } from './change/replace-text.ts';
import { fsTools } from './fs-tools.ts';

const { edit, move, makeFolder, write } = FsService.method;
const remove = FsService.method.delete;

async function folder(files: Readonly<Record<string, string | Uint8Array>> = {}, confirm = 'never', more = '') {
  const dir = edgeFolder(files);
  const rig = await edgeRig(dir, { config: `allow:\n  write: [{path: DIR/docs, confirm: ${confirm}}]\n${more}` });
  const tools = fsTools(rig.parts);
  const prepared = <D extends DescMethod>(method: D, request: MessageInitShape<D['input']>, run = 'run') =>
    preparedChange(tools.find((tool) => tool.method === method)!, create(method.input, request), run);
  const text = (name: string) => readFileSync(join(dir, name), 'utf8');
  return { dir, rig, prepared, text, at: (name: string) => join(dir, name) };
}

test('Edit: each text must stand there once, edits follow each other, and the rest stays as it is', async () => {
  const { rig, at, text } = await folder({ 'docs/a.md': 'eins\n二\ndrei\ndrei\n' });
  chmodSync(at('docs/a.md'), 0o600);
  const { run } = await rig.ask('edit', ['docs/a.md']);
  const edited = (edits: object[]) => rig.call(edit, { path: 'docs/a.md', edits }, { run });
  expect((await edited([{ oldText: 'drei', newText: 'x' }])).failure).toBe('EDIT_SEVERAL_MATCHES');
  expect((await edited([{ oldText: 'vier', newText: 'x' }])).failure).toBe('EDIT_NO_MATCH');
  const both = [
    { oldText: '二', newText: 'zwei' },
    { oldText: 'zwei\n', newText: '' },
  ];
  expect((await edited([...both, { oldText: 'none', newText: '' }])).failure).toBe('EDIT_NO_MATCH');
  expect(text('docs/a.md')).toBe('eins\n二\ndrei\ndrei\n');
  expect((await edited([...both, { oldText: 'drei', newText: '3', all: true }])).failure).toBeUndefined();
  expect(text('docs/a.md')).toBe('eins\n3\n3\n');
  expect(statSync(at('docs/a.md')).mode & 0o777).toBe(0o600);
  // What this run wrote it knows, although the share was for what was there before.
  expect((await edited([{ oldText: 'eins', newText: '1' }])).failure).toBeUndefined();
  writeFileSync(at('docs/a.md'), 'someone wrote 1 here');
  expect((await edited([{ oldText: '1', newText: '2' }])).failure).toBe('EDIT_NEEDS_GRANT');
  await rig.close();
});

test("what was shared whole stays shared through changes of the run itself, and through nobody else's", async () => {
  const { rig, at } = await folder({ 'docs/会议.md': 'eins\n', 'docs/b.md': '1\n2\n' });
  const path = 'docs/会议.md';
  const { run } = await rig.ask('edit', [path, 'docs/b.md#L1-L1']);
  const read = async (path: string) => {
    const { messages, result } = await rig.call(FsService.method.read, { path }, { run });
    const why = new Set(result.withheld.filter(({ name }) => name === path).map((each) => withheldWord(each.why)));
    return [messages[0]?.text, [...why]];
  };
  const edited = await rig.call(edit, { path, edits: [{ oldText: 'eins', newText: 'zwei' }] }, { run });
  expect(edited.result.withheld).toEqual([]);
  expect(await read(path)).toEqual(['zwei\n', []]);
  await rig.call(write, { path, text: 'drei\n', mode: WriteMode.APPEND }, { run });
  expect(await read(path)).toEqual(['zwei\ndrei\n', []]);
  await rig.call(write, { path: 'docs/b.md', text: '3\n', mode: WriteMode.APPEND }, { run });
  expect(await read('docs/b.md')).toEqual(['', ['CHANGED']]);
  // Another run, and another hand.
  const other = await rig.ask('edit', [path]);
  await rig.call(write, { path, text: 'vier\n', mode: WriteMode.APPEND }, { run: other.run });
  expect(await read(path)).toEqual(['', ['CHANGED']]);
  writeFileSync(at(path), 'zwei\n');
  expect(await read(path)).toEqual(['', ['CHANGED']]);
  await rig.close();
});

test('Edit: of a file that is not shared whole nothing is told: not whether it is there, how large it is, nor what is in it', async () => {
  const files = { 'docs/a.md': 'text\n', 'docs/bin': Buffer.from([0, 255]), 'docs/large.md': 'x'.repeat(5 << 20) };
  const { rig } = await folder(files);
  const { run } = await rig.ask('edit', ['docs/a.md#L1-L1']);
  for (const path of ['docs/a.md', 'docs/bin', 'docs/large.md', 'docs/none.md']) {
    for (const oldText of ['text', 'other']) {
      const { failure, result } = await rig.call(edit, { path, edits: [{ oldText, newText: 'y' }] }, { run });
      expect(failure).toBe('EDIT_NEEDS_GRANT');
      expect(JSON.stringify(result.answer, (_, value) => (typeof value === 'bigint' ? 0 : value))).not.toContain(
        oldText,
      );
    }
  }
  const written = await rig.call(write, { path: 'docs/new.md', text: 'mine\n' }, { run });
  expect(written.failure).toBeUndefined();
  const mine = { path: 'docs/new.md', edits: [{ oldText: 'mine', newText: 'ours' }] };
  expect((await rig.call(edit, mine, { run: 'other' })).failure).toBe('EDIT_NEEDS_GRANT');
  expect((await rig.call(edit, mine, { run, recipient: 'other' })).failure).toBe('EDIT_NEEDS_GRANT');
  expect((await rig.call(edit, mine, { run })).failure).toBeUndefined();
  await rig.close();
});

test('Edit: the owner sees the difference, and what was shown is what is done', async () => {
  const { rig, prepared, text, at } = await folder({ 'docs/a.md': 'a\nb\n' });
  const { run } = await rig.ask('edit', ['docs/a.md']);
  const change = prepared(edit, { path: 'docs/a.md', edits: [{ oldText: 'b', newText: '文' }] }, run);
  const shown = await change.show();
  expect(fileOf(shown)).toMatchObject({ action: FileAction.CHANGE, diff: '@@ -1,2 +1,2 @@\n a\n-b\n+文\n' });
  writeFileSync(at('docs/a.md'), 'a\nb\nc\n');
  expect(await change.work(shown)).toBe('APPROVAL_CHANGED');
  expect(text('docs/a.md')).toBe('a\nb\nc\n');
  // What is there by now is told by no other answer either, and the share was for what was there.
  for (const now of ['none', '', 'b b', 'x'.repeat(5 << 20)]) {
    writeFileSync(at('docs/a.md'), now);
    expect([await change.work(shown), await change.work()]).toEqual(['APPROVAL_CHANGED', 'EDIT_NEEDS_GRANT']);
  }
  rmSync(at('docs/a.md'));
  expect(await change.work(shown)).toBe('APPROVAL_CHANGED');
  await rig.close();
});

test('replacing is linear, counts without overlaps, and splits no sign', async () => {
  const [text, wanted] = [Buffer.alloc(4 << 20, 'a'), Buffer.from(`${'a'.repeat(60_000)}b`)];
  expect(await turnOf(() => matchesOf(text, wanted))).toBeLessThan(500);
  expect(matchesOf(Buffer.from('aaaa'), Buffer.from('aa'))).toBe(2);
  expect(matchesOf(Buffer.from('abababc'), Buffer.from('ababc'))).toBe(1);
  const by = replacedText(Buffer.from('文a文'), Buffer.from('文'), Buffer.from('ö'), 2);
  expect(Buffer.from(by).toString()).toBe('öaö');
});

test('Delete: a file, an empty folder, and nothing else', async () => {
  const { rig, prepared, at } = await folder({
    'docs/a.md': 'a\n',
    'docs/full/x.md': '',
    'docs/bin': Buffer.from([0]),
  });
  mkdirSync(at('docs/empty'));
  symlinkSync(at('docs/a.md'), at('docs/link'));
  const shown = await prepared(remove, { path: 'docs/a.md' }).show();
  expect(fileOf(shown)).toMatchObject({
    action: FileAction.DELETE,
    before: { bytes: 2n },
    diff: '@@ -1,1 +0,0 @@\n-a\n',
  });
  expect(fileOf(shown).after).toBeUndefined();
  const done = async (path: string) => {
    try {
      return await prepared(remove, { path }).work();
    } catch (error) {
      return reasonOf(error);
    }
  };
  expect(await done('docs/link')).toBe('PATH_NOT_ALLOWED');
  expect(await done('docs/full')).toBe('FOLDER_NOT_EMPTY');
  expect(await done('docs')).toBe('PATH_NOT_ALLOWED');
  expect(await done('docs/none')).toBe('FILE_NOT_FOUND');
  expect([await done('docs/empty'), await done('docs/bin')]).toEqual(['done', 'done']);
  writeFileSync(at('docs/a.md'), 'b\n');
  expect(await prepared(remove, { path: 'docs/a.md' }).work(shown)).toBe('APPROVAL_CHANGED');
  rmSync(at('docs/a.md'));
  expect(await prepared(remove, { path: 'docs/a.md' }).work(shown)).toBe('APPROVAL_CHANGED');
  expect(readdirSync(at('docs')).sort()).toEqual(['full', 'link']);
  await rig.close();
});

test('Move: files and folders get another name; nothing is replaced, and what is denied neither goes nor comes', async () => {
  const files = {
    'docs/a.md': 'a',
    'docs/b.md': 'b',
    'docs/sub/x.md': 'x',
    'docs/secret/.hidden': 'h',
    'outside/o.md': 'o',
  };
  const { rig, prepared, at, text } = await folder(files);
  symlinkSync(at('outside'), at('docs/out'));
  const moved = async (path: string, toPath: string) => {
    try {
      return await prepared(move, { path, toPath }).work();
    } catch (error) {
      return reasonOf(error);
    }
  };
  const change = prepared(move, { path: 'docs/a.md', toPath: 'docs/sub/é.md' });
  const shown = await change.show();
  expect(fileOf(shown)).toMatchObject({
    action: FileAction.MOVE,
    realPath: at('docs/a.md'),
    toPath: 'docs/sub/é.md',
    toRealPath: at('docs/sub/é.md'),
    before: { bytes: 1n },
  });
  for (const to of ['docs/b.md', 'docs/sub', 'docs/out'])
    expect(await moved('docs/a.md', to)).toMatch(/^(PLACE_TAKEN|PATH_NOT_ALLOWED)$/);
  for (const to of ['docs/.x', 'docs/out/x', '../outside/x', 'docs/.git', 'docs/id_rsa']) {
    expect(await moved('docs/a.md', to), to).toBe('PATH_NOT_ALLOWED');
  }
  expect(await moved('docs/secret', 'docs/other')).toBe('PATH_NOT_ALLOWED');
  expect(await moved('docs/sub', 'docs/neu')).toBe('done');
  expect(await change.work(shown)).toBe('APPROVAL_CHANGED');
  expect(await moved('docs/a.md', 'docs/neu/é.md')).toBe('done');
  expect([text('docs/neu/é.md'), text('docs/neu/x.md'), existsSync(at('docs/a.md'))]).toEqual(['a', 'x', false]);
  expect(await moved('docs/neu/É.md'.normalize('NFD').toLowerCase(), 'docs/back.md')).toBe('done');
  expect(text('docs/back.md')).toBe('a');
  await rig.close();
});

test('MakeFolder: one folder, with its permissions whatever the mask says; its parents must be there', async () => {
  const { rig, prepared, at } = await folder({ 'docs/a.md': '' });
  const mask = process.umask(0o077);
  try {
    const change = prepared(makeFolder, { path: 'docs/新' });
    const shown = await change.show();
    expect(fileOf(shown)).toMatchObject({ action: FileAction.MAKE_FOLDER, after: { folder: true, mode: 0o755 } });
    expect(await change.work(shown)).toBe('done');
    expect(statSync(at('docs/新')).mode & 0o7777).toBe(0o755);
    expect(await prepared(makeFolder, { path: 'docs/新' }).work(shown)).toBe('APPROVAL_CHANGED');
    expect(await prepared(makeFolder, { path: 'docs/a.md' }).work()).toBe('PLACE_TAKEN');
    expect(await prepared(makeFolder, { path: 'docs/x/y' }).work()).toBe('FILE_NOT_FOUND');
    expect((await rig.call(write, { path: 'docs/x/y.md', text: '', mode: WriteMode.CREATE })).failure).toBe(
      'FILE_NOT_FOUND',
    );
  } finally {
    process.umask(mask);
  }
  await rig.close();
});

test('Move: what is in a folder is judged where it will be, links and hard links too', async () => {
  const files = {
    'docs/one/autostart/x.desktop': 'x',
    'docs/two/deep/fish/config.fish': 'x',
    'docs/plain/notes/a.md': 'x',
  };
  const { rig, prepared, at } = await folder(files, 'never', '  hidden: [.config, .local]\n');
  for (const name of ['hard', 'soft', 'other', 'hard/share', 'git', 'git/hooks']) mkdirSync(at(`docs/${name}`));
  linkSync(at('docs/plain/notes/a.md'), at('docs/hard/share/bash-completion'));
  symlinkSync(at('docs/other'), at('docs/soft/systemd'));
  const moved = (path: string, toPath: string) => prepared(move, { path, toPath }).work();
  for (const [path, to] of [
    ['docs/one', 'docs/.config'],
    ['docs/two/deep', 'docs/.config'],
    ['docs/hard', 'docs/.local'],
    ['docs/soft', 'docs/.config'],
    ['docs/git', 'docs/repo.git'],
  ] as const) {
    expect(await prepared(move, { path, toPath: to }).show().then(String, reasonOf), path).toBe('PATH_NOT_ALLOWED');
    expect(await moved(path, to), path).toBe('PATH_NOT_ALLOWED');
    expect([existsSync(at(path)), existsSync(at(to))]).toEqual([true, false]);
  }
  expect(await moved('docs/plain', 'docs/.config')).toBe('done');
  expect(await moved('docs/one', 'docs/three')).toBe('done');
  await rig.close();
});

test('a repository of git, whatever its name: nothing in it changes, and none is made', async () => {
  const names = ['HEAD', 'config', 'hooks/update', 'objects/x', 'refs/x'].map((name) => `docs/bare/${name}`);
  const files = Object.fromEntries(
    [...names, 'docs/half/HEAD', 'docs/half/objects/x', 'docs/tree/HEAD'].map((name) => [name, 'x']),
  );
  const { rig, prepared, text, at } = await folder({ ...files, 'docs/plain/hooks/x.md': 'x' });
  const replace = (path: string) => prepared(write, { path, text: 'y', mode: WriteMode.REPLACE }).work();
  for (const path of [
    'docs/bare/hooks/update',
    'docs/bare/hooks/neu',
    'docs/bare/config',
    'docs/half/refs',
    'docs/tree/commondir',
  ])
    expect(await replace(path), path).toBe('PATH_NOT_ALLOWED');
  expect(await prepared(makeFolder, { path: 'docs/half/refs' }).work()).toBe('PATH_NOT_ALLOWED');
  expect(await prepared(move, { path: 'docs/plain/hooks', toPath: 'docs/half/refs' }).work()).toBe('PATH_NOT_ALLOWED');
  expect(await prepared(move, { path: 'docs/plain/hooks', toPath: 'docs/bare/new' }).work()).toBe('PATH_NOT_ALLOWED');
  expect(await prepared(remove, { path: 'docs/bare/hooks/update' }).work()).toBe('PATH_NOT_ALLOWED');
  expect([text('docs/bare/hooks/update'), existsSync(at('docs/half/refs'))]).toEqual(['x', false]);
  for (const path of ['docs/plain/hooks/x.md', 'docs/plain/config', 'docs/half/config', 'docs/refs'])
    expect(await replace(path), path).toBe('done');
  await rig.close();
});

test('a folder that took the place of the one that was shown: nothing comes into being in it', async () => {
  const { rig, prepared, at } = await folder({ 'docs/sub/a.md': 'a', 'docs/b.md': 'b' });
  const changes = [
    prepared(write, { path: 'docs/sub/新.md', text: 'x', mode: WriteMode.CREATE }),
    prepared(makeFolder, { path: 'docs/sub/neu' }),
    prepared(move, { path: 'docs/b.md', toPath: 'docs/sub/b.md' }),
  ];
  const shown = [];
  for (const change of changes) shown.push(await change.show());
  renameSync(at('docs/sub'), at('docs/old'));
  mkdirSync(at('docs/sub'));
  for (const [n, change] of changes.entries()) expect(await change.work(shown[n])).toBe('APPROVAL_CHANGED');
  expect(readdirSync(at('docs/sub'))).toEqual([]);
  await rig.close();
});
