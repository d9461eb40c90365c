import { chmodSync, readdirSync, readFileSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { FileKind, FsService, WriteMode } from '../../../../gen/bowline/capability/fs/v1/fs_pb.ts';
import { SizeClass, WithheldReason } from '../../../../gen/bowline/run/v1/run_pb.ts';
import { edgeFolder, edgeRig } from '../../../../test/support/edge-rig.ts';
import { withheldWord } from '../../../contract/withheld.ts';
import { LinePicker, LineSplitter } from '../../files/lines.ts';

const { read, write, list, stat, search } = FsService.method;
const WRITE = 'allow:\n  write: [{path: DIR/docs/out.txt, confirm: never}]\n';

test('Read: byte order mark, CR LF, ranges, the byte limit, and what is no text', async () => {
  const files = {
    'docs/bom.md': Buffer.concat([Buffer.from([0xef, 0xbb, 0xbf]), Buffer.from('第一行\r\n第二行\r\n')]),
    'docs/bin': Buffer.from([1, 0, 2]),
    'docs/latin': Buffer.from('le caf\xe9\n', 'latin1'),
    'docs/empty.md': '',
    'docs/long.md': `${'长'.repeat(100)}\nend\n`,
    'docs/large.md': 'x'.repeat(3000),
  };
  const rig = await edgeRig(edgeFolder(files), { config: 'limits: {file_bytes: 2000}\n' });
  const shared = ['bom.md', 'bin', 'latin', 'empty.md', 'long.md'].map((name) => `docs/${name}`);
  // Also what an ask would not share.
  const { run } = await rig.ask('read', shared, ['rules'], new Uint8Array(), { text: false });
  const text = async (path: string, range: object = {}) => {
    const { messages, failure } = await rig.call(read, { path, ...range }, { run });
    return failure ?? messages[0];
  };
  expect(await text('docs/bom.md')).toMatchObject({ text: '第一行\r\n第二行\r\n', totalLines: 2, firstLine: 1 });
  expect(await text('docs/bom.md', { startLine: 2 })).toMatchObject({ text: '第二行\r\n', firstLine: 2 });
  expect(await text('docs/bom.md', { startLine: 5 })).toMatchObject({ text: '', totalLines: 2 });
  expect(await text('docs/bom.md', { maxBytes: 12 })).toMatchObject({ text: '第一行\r\n', truncated: true });
  expect(await text('docs/long.md', { maxBytes: 10 })).toMatchObject({ text: '长长长', truncated: true });
  expect(await text('docs/empty.md')).toMatchObject({ text: '', totalLines: 0 });
  expect(await text('docs/bin')).toBe('DOCUMENT_NOT_TEXT');
  expect(await text('docs/latin')).toMatchObject({ totalLines: 1, text: 'le café\n' });
  expect(await text('docs/none.md')).toBe('FILE_NOT_FOUND');
  expect(await text('docs')).toBe('NOT_A_FILE');
  expect(await text('docs/large.md')).toMatchObject({
    text: '',
    file: { sizeClass: SizeClass.UNDER_16K },
  });
  const other = await rig.call(read, { path: 'docs/bin' }, { run: 'mesh' });
  expect(other.failure).toBeUndefined();
  await rig.close();
});

test('Read: shared lines of a file that is larger than one may open whole, and no other of it', async () => {
  const large = Array.from({ length: 1_000 }, (_, at) => `line ${at + 1}\n`).join('');
  const rig = await edgeRig(edgeFolder({ 'docs/large.log': large }), { config: 'limits: {file_bytes: 2000}\n' });
  const { run } = await rig.ask('read', ['docs/large.log#L998-L999']);
  const { messages } = await rig.call(read, { path: 'docs/large.log' }, { run });
  expect(messages[0]).toMatchObject({ text: 'line 998\nline 999\n', firstLine: 998 });
  const other = await rig.call(read, { path: 'docs/large.log', startLine: 1, endLine: 5 }, { run });
  expect(other.failure).toBe('RANGE_NEEDS_GRANT');
  await rig.close();
});

test('what is shared is told over a link, too, to it or to its folder, and nothing else is', async () => {
  const files = { 'docs/notes/发布.md': '发布日期 is May\nsecond\n', 'docs/notes/other.md': '发布日期 is a secret\n' };
  const dir = edgeFolder(files);
  symlinkSync('notes/发布.md', join(dir, 'docs/in'));
  symlinkSync('notes/other.md', join(dir, 'docs/else'));
  symlinkSync('notes', join(dir, 'docs/folder'));
  const rig = await edgeRig(dir);
  const { run } = await rig.ask('发布日期', ['docs/in']);
  const text = async (path: string, range: object = {}) => {
    const { messages, failure } = await rig.call(read, { path, ...range }, { run });
    return failure ?? messages[0]?.text;
  };
  for (const path of ['docs/in', 'docs/folder/发布.md', 'docs/notes/发布.md']) {
    expect(await text(path)).toBe('发布日期 is May\nsecond\n');
    expect(await text(path, { startLine: 2 })).toBe('second\n');
    const { messages } = await rig.call(search, { terms: ['发布日期'], path }, { run });
    expect(messages[0]?.matches).toMatchObject([{ file: { path }, line: 1, text: '发布日期 is May' }]);
    expect((await rig.call(stat, { path }, { run })).messages[0]?.file?.sizeBytes).toBe(27n);
  }
  for (const path of ['docs/else', 'docs/folder/other.md']) {
    expect(await text(path)).toBe('');
    expect(await text(path, { startLine: 1 })).toBe('RANGE_NEEDS_GRANT');
  }
  const { messages } = await rig.call(search, { terms: ['发布日期'], path: 'docs/folder' }, { run });
  const told = messages[0]?.matches.map(({ file, text }) => [file?.path, text]);
  expect(told).toEqual([
    ['docs/folder/发布.md', '发布日期 is May'],
    ['docs/folder/other.md', ''],
  ]);
  const listed = (await rig.call(list, { path: 'docs/folder' }, { run })).messages[0]?.files;
  expect(listed?.map(({ sizeBytes }) => sizeBytes)).toEqual([0n, 27n]);
  await rig.close();
});

test('Write: creates, replaces, appends, each atomically, and leaves nothing behind', async () => {
  const rig = await edgeRig(edgeFolder(), { config: WRITE });
  const path = 'docs/out.txt';
  const file = join(rig.dir, path);
  expect((await rig.call(write, { path, text: 'a' })).messages[0]).toMatchObject({
    created: true,
    file: { path, kind: FileKind.FILE },
  });
  chmodSync(file, 0o640);
  expect((await rig.call(write, { path, text: 'b' })).failure).toBe('FILE_EXISTS');
  expect((await rig.call(write, { path, text: 'b', mode: WriteMode.REPLACE })).messages[0]?.created).toBe(false);
  await rig.call(write, { path, text: '文', mode: WriteMode.APPEND });
  expect(readFileSync(file, 'utf8')).toBe('b文');
  expect(statSync(file).mode & 0o777).toBe(0o640);
  expect(readdirSync(join(rig.dir, 'docs'))).toEqual(['out.txt']);
  await rig.close();
});

test('Write: of lines that are added at the same time none is lost', async () => {
  const rig = await edgeRig(edgeFolder({}), { config: WRITE });
  const lines = Array.from({ length: 12 }, (_, i) => `line ${i}`);
  const append = (line: string) => rig.call(write, { path: 'docs/out.txt', text: `${line}\n`, mode: WriteMode.APPEND });
  await Promise.all(lines.map(append));
  const written = readFileSync(join(rig.dir, 'docs/out.txt'), 'utf8').trim().split('\n');
  expect(written.sort()).toEqual(lines.sort());
  await rig.close();
});

test('Write: a link in the place of the file is not followed', async () => {
  const rig = await edgeRig(edgeFolder({ 'outside/target': 'untouched' }), { config: WRITE });
  symlinkSync(join(rig.dir, 'outside/target'), join(rig.dir, 'docs/out.txt'));
  expect((await rig.call(write, { path: 'docs/out.txt', text: 'x', mode: WriteMode.REPLACE })).failure).toBe(
    'PATH_NOT_ALLOWED',
  );
  expect(readFileSync(join(rig.dir, 'outside/target'), 'utf8')).toBe('untouched');
  await rig.close();
});

test('Stat tells the exact size only of a shared file', async () => {
  const rig = await edgeRig(edgeFolder({ 'docs/a.md': '12345' }));
  const { run } = await rig.ask('how large', ['docs/a.md']);
  expect((await rig.call(stat, { path: 'docs/a.md' }, { run })).messages[0]?.file).toMatchObject({ sizeBytes: 5n });
  expect((await rig.call(stat, { path: 'docs/a.md' })).messages[0]?.file).toMatchObject({
    sizeBytes: 0n,
    sizeClass: SizeClass.UNDER_1K,
  });
  expect((await rig.call(stat, { path: 'docs' })).messages[0]?.file).toMatchObject({ kind: FileKind.FOLDER });
  expect((await rig.call(list, { path: 'docs' }, { run })).messages[0]?.files[0]).toMatchObject({ sizeBytes: 5n });
  await rig.close();
});

test('Search: shared files by line, best first, Chinese as well; budgets give part of the result', async () => {
  const files = {
    'docs/a.md': 'nothing\nthe Launch is near\nlaunch date: soon\n',
    'docs/zh.md': '第一行\n发布日期定在春天\n',
    'docs/sub/b.md': 'LAUNCH\n',
  };
  const rig = await edgeRig(edgeFolder(files));
  const { run } = await rig.ask('launch date 发布日期', ['docs/a.md', 'docs/zh.md']);
  const hits = async (request: object) => {
    const { messages } = await rig.call(search, request, { run });
    return messages[0]?.matches.map(({ file, line, text }) => `${file?.path}:${line}:${text}`);
  };
  expect(await hits({ terms: ['launch', 'date'] })).toEqual([
    'docs/a.md:3:launch date: soon',
    'docs/a.md:2:the Launch is near',
    'docs/sub/b.md:0:',
  ]);
  expect(await hits({ terms: ['发布日期'] })).toEqual(['docs/zh.md:2:发布日期定在春天']);
  expect(await hits({ glob: '*.md', path: 'docs/sub' })).toEqual(['docs/sub/b.md:0:']);
  expect(await hits({ terms: ['launch'], pageSize: 1 })).toHaveLength(1);
  // Page by page what one page holds, each match once.
  const paged = { path: 'docs/a.md', terms: ['launch', 'date'], pageSize: 1 };
  const first = (await rig.call(search, paged, { run })).messages[0]!;
  const second = (await rig.call(search, { ...paged, pageToken: first.nextPageToken }, { run })).messages[0]!;
  expect([first, second].flatMap(({ matches }) => matches.map(({ line }) => line))).toEqual([3, 2]);
  expect(second.nextPageToken).toBe('');
  expect((await rig.call(search, { ...paged, pageToken: 'x' }, { run })).failure).toBe('INVALID_ARGUMENT');
  await rig.close();
  const small = await edgeRig(rig.dir, { config: 'limits: {walk_entries: 1}\n' });
  const { result } = await small.call(search, { glob: '*' });
  expect(result.withheld.map(({ field, why }) => `${field} ${withheldWord(why)}`)).toContain('matches BUDGET');
  await small.close();
});

test('Search: of files that are told by name the one with the rare words is first, and the name of a root is a word of none', async () => {
  const notes = Object.fromEntries(Array.from({ length: 12 }, (_, i) => [`docs/n${i}.md`, 'about water and a plan']));
  const files = {
    ...notes,
    'docs/zz.md': 'the plan of the launch, of water',
    'docs/launch.md': 'water',
    'docs/docs.md': 'nothing',
    // Once more says nothing: how often a word stands in a file has no say.
    'docs/a.md': 'water water water water',
  };
  const rig = await edgeRig(edgeFolder(files));
  const { run } = await rig.ask('which docs are about the launch plan and water? 中文发布');
  const hits = async (terms: string[], pageSize = 3) => {
    const { messages } = await rig.call(search, { terms, pageSize }, { run });
    return messages[0]?.matches.map(({ file }) => file?.path);
  };
  expect(await hits(['docs', 'launch', 'plan', 'water'])).toEqual(['docs/docs.md', 'docs/launch.md', 'docs/zz.md']);
  expect(await hits(['launch', 'water'])).toEqual(['docs/launch.md', 'docs/zz.md', expect.anything()]);
  expect(await hits(['docs'], 50)).toEqual(['docs/docs.md']);
  expect(await hits(['发布'], 50)).toEqual([]);
  await rig.close();
});

test('a secret file inside an allowed folder is neither listed, found nor read', async () => {
  const rig = await edgeRig(
    edgeFolder({ 'docs/.env': 'KEY=launch', 'docs/id_rsa': 'launch', 'docs/.ssh/x': 'launch', 'docs/a.md': 'a' }),
  );
  const { run } = await rig.ask('launch');
  expect(
    (await rig.call(list, { path: 'docs', glob: '*' }, { run })).messages[0]?.files.map(({ path }) => path),
  ).toEqual(['docs/a.md']);
  expect((await rig.call(search, { terms: ['launch'], glob: '*' }, { run })).messages[0]?.matches).toEqual([]);
  for (const path of ['docs/.env', 'docs/id_rsa', 'docs/.ssh/x', 'docs/.ssh/none']) {
    expect((await rig.call(read, { path }, { run })).failure).toBe('PATH_NOT_ALLOWED');
  }
  await rig.close();
});

const pieces = (text: string, size: number): Buffer[] => {
  const bytes = Buffer.from(text);
  return Array.from({ length: Math.ceil(bytes.length / size) }, (_, i) => bytes.subarray(i * size, (i + 1) * size));
};

test('lines are counted alike for every kind of line end, however the text is cut into pieces', () => {
  const text = '\ufeffa\r\nb\rc\n\nd\r\n长\u0301😀\r';
  for (let size = 1; size <= 40; size++) {
    const lines: string[] = [''];
    const splitter = new LineSplitter((part, ends) => {
      lines.push(lines.pop() + part);
      if (ends) lines.push('');
    });
    for (const piece of text.match(new RegExp(`[^]{1,${size}}`, 'gu')) ?? []) splitter.add(piece);
    splitter.end();
    expect(lines.filter((line) => line !== '')).toEqual(['\ufeffa\r\n', 'b\r', 'c\n', '\n', 'd\r\n', '长\u0301😀\r']);
    const take = (from: number, to: number, most: number) => {
      const taker = new LinePicker(from, to, most);
      for (const piece of pieces(text, size)) taker.add(piece);
      return taker.end();
    };
    expect(take(2, 5, 3)).toMatchObject({ text: 'b\r', last: 2, cut: false, total: 6 });
    expect(take(1, 99, 99)).toMatchObject({ text: text.slice(1), last: 6, total: 6 });
    expect(take(6, 6, 7)).toMatchObject({ text: '长\u0301', last: 6, cut: true });
    expect(take(7, 9, 99)).toMatchObject({ text: '', last: 6, total: 6 });
  }
});

test('a file that changes while it is shared is found out at the next read', async () => {
  const rig = await edgeRig(edgeFolder({ 'docs/a.md': 'first words' }));
  const { run } = await rig.ask('words', ['docs/a.md']);
  writeFileSync(join(rig.dir, 'docs/a.md'), 'other words');
  const { messages } = await rig.call(search, { terms: ['words'] }, { run });
  expect(messages[0]?.matches.map(({ line, text }) => [line, text])).toEqual([[0, '']]);
  await rig.close();
});

test('Search: a shared file that only matches by its name is not said to have changed', async () => {
  const dir = edgeFolder({ 'docs/plan.md': 'Nothing of it here.\n' });
  const rig = await edgeRig(dir);
  const { run } = await rig.ask('Where is the plan?', [`${dir}/docs/plan.md`]);
  const { result, messages } = await rig.call(
    FsService.method.search,
    { terms: ['plan'] },
    { run, recipient: 'rules' },
  );
  expect(messages[0]?.matches.map(({ file }) => [file?.path, file?.sizeBytes])).toEqual([['docs/plan.md', 20n]]);
  expect(result.answer.case === 'done' && result.withheld.map(({ why }) => why)).not.toContain(WithheldReason.CHANGED);
  await rig.close();
});
