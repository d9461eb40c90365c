import { execFileSync } from 'node:child_process';
import { chmodSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test, vi } from 'vitest';
import { FsService } from '../../../gen/bowline/capability/fs/v1/fs_pb.ts';
import { edgeFolder, edgeRig } from '../../../test/support/edge-rig.ts';
import { makeDocx, paragraph } from '../../../test/support/make-docx.ts';
import { makePdf } from '../../../test/support/make-pdf.ts';
import { AppError } from '../../base/errors.ts';
import { LeftOutFiles } from './left-out.ts';

const FILES = {
  'docs/notes.md': 'one\ntwo\nthree\n',
  'docs/sub/deep.md': 'deep',
  'docs/sub/deep.txt': 'text',
  'docs/we[i]rd.md': 'weird',
  'docs/.hidden.md': 'hidden',
  'docs/.env': 'SECRET=1',
  'outside/x.md': 'outside',
};

test('paths, globs, folders and ranges become exact files', async () => {
  const rig = await edgeRig(edgeFolder(FILES), { config: "allow: {hidden: ['.hid*']}\n" });
  const paths = async (...patterns: string[]) =>
    (await rig.shares.resolve(patterns.map((pattern) => ({ pattern })))).map(({ path }) => path);
  const { dir } = rig;
  expect(await paths(join(dir, 'docs/notes.md'))).toEqual(['docs/notes.md']);
  expect(await paths('docs/notes.md', join(dir, 'docs/*.md'))).toEqual(['docs/notes.md', 'docs/we[i]rd.md']);
  expect(await paths(join(dir, 'docs/{.*,*}.md'))).toEqual(['docs/.hidden.md', 'docs/notes.md', 'docs/we[i]rd.md']);
  expect(await paths(join(dir, 'docs/we[i]rd.md'))).toEqual(['docs/we[i]rd.md']);
  expect(await paths(join(dir, 'docs/**/*.md'))).toEqual(['docs/notes.md', 'docs/sub/deep.md', 'docs/we[i]rd.md']);
  expect(await paths(join(dir, 'docs'))).toEqual([
    'docs/.hidden.md',
    'docs/notes.md',
    'docs/sub/deep.md',
    'docs/sub/deep.txt',
    'docs/we[i]rd.md',
  ]);
  expect(await paths(join(dir, 'docs/.*'))).toEqual(['docs/.hidden.md']);
  const [range] = await rig.shares.resolve([{ pattern: 'docs/notes.md#L2-L3' }]);
  expect(range).toMatchObject({ path: 'docs/notes.md', startLine: 2, endLine: 3, bytes: 10n });
  expect(range?.sha256).toHaveLength(32);
  await rig.close();
});

test('that the encoding of a shared file is a guess is told', async () => {
  const russian = Buffer.from('8PPx8ero6SDy5erx8iDv8O4g5+Dv8/Hq', 'base64');
  const rig = await edgeRig(edgeFolder({ 'docs/ru.txt': russian, 'docs/notes.md': 'one' }));
  const told = new LeftOutFiles();
  for (const pattern of ['docs', 'docs/ru.txt#L1-L1'])
    await rig.shares.resolve([{ pattern }], undefined, { about: (path, about) => told.about(path, about) });
  expect(told.doubtful).toMatchObject([
    { path: 'docs/ru.txt', problem: expect.stringMatching(/^read as windows-1251, a guess/) },
  ]);
  await rig.close();
});

test('a share that matches nothing, or something that may not be read, is an error', async () => {
  const rig = await edgeRig(edgeFolder(FILES), { config: 'limits: {share_bytes: 12}\n' });
  const reason = (pattern: string) =>
    rig.shares.resolve([{ pattern }]).then(
      () => 'none',
      (error: { reason: string }) => error.reason,
    );
  const { dir } = rig;
  symlinkSync(join(dir, 'outside/x.md'), join(dir, 'docs/link.md'));
  for (const pattern of [
    'docs/none.md',
    'notes.md',
    '*.md',
    `${dir}/docs/*.pdf`,
    'docs/notes.md#L9-L12',
    'docs/notes.md#L3-L2',
    'docs/notes.md#L0',
  ]) {
    expect(await reason(pattern), pattern).toBe('SHARE_NO_MATCH');
  }
  for (const pattern of [
    `${dir}/outside/x.md`,
    `${dir}/outside/*`,
    `${dir}/**`,
    'docs/.env',
    'docs/link.md',
    '/etc/passwd',
  ]) {
    expect(await reason(pattern), pattern).toBe('PATH_NOT_ALLOWED');
  }
  expect(await reason('docs/notes.md')).toBe('LIMIT_EXCEEDED');
  await rig.close();
});

test('of many files, the one that stands in the way is named', async () => {
  const rig = await edgeRig(edgeFolder({ ...FILES, 'docs/large.md': 'x'.repeat(3000) }), {
    config: 'limits: {file_bytes: 2000}\n',
  });
  await expect(rig.shares.resolve([{ pattern: 'docs' }])).rejects.toMatchObject({
    reason: 'FILE_TOO_LARGE',
    message: expect.stringMatching(
      /^docs\/large\.md: the file is larger than 2000 bytes, .*raise limits\.file_bytes in config\.yaml, share some of its lines/,
    ),
  });
  await rig.close();
});

test('lines of a file that is larger than one may share whole are shared; too many of them are not', async () => {
  const large = Array.from({ length: 1_000 }, (_, at) => `line ${at + 1}\n`).join('');
  const rig = await edgeRig(edgeFolder({ 'docs/large.log': large }), { config: 'limits: {file_bytes: 2000}\n' });
  const [five] = await rig.shares.resolve([{ pattern: 'docs/large.log#L1-L5' }]);
  expect(five).toMatchObject({ path: 'docs/large.log', startLine: 1, endLine: 5, bytes: 35n });
  await expect(rig.shares.resolve([{ pattern: 'docs/large.log#L1-L900' }])).rejects.toMatchObject({
    reason: 'FILE_TOO_LARGE',
  });
  // The lines themselves are what is searched, also behind what may be opened whole.
  const lines = await rig.ask('Which line is line 900?', ['docs/large.log#L880-L905']);
  const found = await rig.call(FsService.method.search, { terms: ['line 90'] }, { run: lines.run });
  expect(found.messages[0]?.matches.map(({ line, text }) => [line, text])).toEqual(
    [900, 901, 902, 903, 904, 905].map((line) => [line, `line ${line}`]),
  );
  const gone = AbortSignal.abort(new AppError('CANCELED'));
  await expect(rig.shares.resolve([{ pattern: 'docs' }], undefined, { signal: gone })).rejects.toMatchObject({
    reason: 'CANCELED',
  });
  await rig.close();
});

describe('with a report', () => {
  const report = () => {
    const left: string[] = [];
    const folders: string[] = [];
    const told = {
      left: (path: string, { reason }: { reason: string }) => void left.push(`${path} ${reason}`),
      folder: (path: string, glob: string) => void folders.push(`${path} ${glob}`),
    };
    return { left, folders, told };
  };
  const limits = { config: 'limits: {file_bytes: 2000}\n' };

  test('a bad file is left out by name, the others are taken, and the folders that were meant are told', async () => {
    const rig = await edgeRig(edgeFolder({ ...FILES, 'docs/sub/large.md': 'x'.repeat(3000) }), limits);
    const { left, folders, told } = report();
    const files = await rig.shares.resolve([{ pattern: 'docs' }, { pattern: `${rig.dir}/docs/*.md` }], told);
    expect(files.map(({ path }) => path)).toContain('docs/notes.md');
    expect(left).toEqual(['docs/sub/large.md FILE_TOO_LARGE']);
    expect(folders).toEqual(['docs ', 'docs *.md']);
    await rig.close();
  });

  test('a file that was named alone is an error of its own', async () => {
    const rig = await edgeRig(edgeFolder({ ...FILES, 'docs/large.md': 'x'.repeat(3000) }), limits);
    const { told } = report();
    const alone = rig.shares.resolve([{ pattern: 'docs/large.md' }], told);
    await expect(alone).rejects.toMatchObject({ reason: 'FILE_TOO_LARGE' });
    await rig.close();
  });

  test.skipIf(process.getuid?.() === 0)('a folder that cannot be opened is left out by name', async () => {
    const rig = await edgeRig(edgeFolder({ ...FILES, 'docs/locked/x.md': 'x' }), limits);
    const { left, told } = report();
    chmodSync(join(rig.dir, 'docs/locked'), 0);
    await rig.shares.resolve([{ pattern: 'docs' }], told);
    chmodSync(join(rig.dir, 'docs/locked'), 0o755);
    expect(left).toEqual(['docs/locked FILE_UNREADABLE']);
    await rig.close();
  });
});

test('what the pattern of a share cannot mean is neither gone into nor told', async () => {
  const rig = await edgeRig(edgeFolder(FILES));
  const { dir } = rig;
  const entered = vi.spyOn(rig.allow, 'visible');
  for (const [pattern, enters] of [
    ['docs/*.md', false],
    ['docs/n*', false],
    ['docs/{notes,other}.md', false],
    ['docs/other/*', false],
    ['docs/s*/*.md', true],
    ['docs/**', true],
    ['docs', true],
    ['docs/{x,sub}/**/*.md', true],
  ] as const) {
    entered.mockClear();
    await rig.shares.resolve([{ pattern }, { pattern: 'docs/notes.md' }]).catch(() => undefined);
    const below = entered.mock.calls.some(([, path]) => path.startsWith(join(dir, 'docs/sub/')));
    expect(below, pattern).toBe(enters);
  }
  await rig.close();
});

test('names that cannot be told are left out with the reason, not in silence, where they are meant', async () => {
  const rig = await edgeRig(edgeFolder({ ...FILES, 'docs/line\nbreak.txt': 'x' }));
  writeFileSync(Buffer.concat([Buffer.from(`${rig.dir}/docs/bad`), Buffer.from([0xff]), Buffer.from('.md')]), 'x');
  const told = async (pattern: string) => {
    const left: string[] = [];
    await rig.shares.resolve([{ pattern }], { left: (path, { message }) => void left.push(`${path}: ${message}`) });
    return left.sort();
  };
  expect(await told('docs')).toEqual([
    expect.stringMatching(/^docs\/bad\ufffd\.md: a name with .* rename it$/),
    expect.stringMatching(/^docs\/line\\nbreak\.txt: a name with .* rename it$/),
  ]);
  expect(await told('docs/*.md')).toEqual([expect.stringMatching(/^docs\/bad/)]);
  expect(await told('docs/n*')).toEqual([]);
  await expect(told('docs/line*')).rejects.toThrow(/rename it/);
  await expect(told('docs/line\nbreak.txt')).rejects.toThrow(/rename it/);
  await rig.close();
});

test('what is no file is said to be none', async () => {
  const rig = await edgeRig(edgeFolder(FILES));
  execFileSync('mkfifo', [join(rig.dir, 'docs/pipe')]);
  const share = (pattern: string) => rig.shares.resolve([{ pattern }]);
  for (const pattern of ['docs/pipe', 'docs/pi*'])
    await expect(share(pattern)).rejects.toMatchObject({
      reason: 'NOT_A_FILE',
      message: expect.stringMatching(/^docs\/pipe: /),
    });
  expect(await share('docs/[np]*')).toHaveLength(1);
  await rig.close();
});

test('only what has text is shared for an ask, with the bytes of its text; a collection is given any file', async () => {
  const rig = await edgeRig(edgeFolder(FILES));
  const write = (name: string, hex: string) => writeFileSync(join(rig.dir, 'docs', name), Buffer.from(hex, 'hex'));
  write('gbk.txt', 'bbe1d2e9');
  write('a.docx', '504b0304140000');
  write('zeros.bin', '00000000');
  writeFileSync(join(rig.dir, 'docs/a.pdf'), makePdf(['The launch is in May.']));
  const text = { text: true };
  await expect(rig.shares.resolve([{ pattern: 'docs/zeros.bin' }], undefined, text)).rejects.toMatchObject({
    reason: 'DOCUMENT_NOT_TEXT',
    message: 'docs/zeros.bin: it has no text that can be read: it is a file of an unknown kind',
  });
  const left: string[] = [];
  const report = { left: (path: string, { reason }: { reason: string }) => void left.push(`${path} ${reason}`) };
  const files = await rig.shares.resolve([{ pattern: 'docs/*' }], report, text);
  expect(left.sort()).toEqual(['docs/a.docx DOCUMENT_NOT_TEXT', 'docs/zeros.bin DOCUMENT_NOT_TEXT']);
  const sizes = files.map(({ path, bytes }) => [path, Number(bytes)]);
  expect(sizes).toContainEqual(['docs/gbk.txt', Buffer.byteLength('会议')]);
  expect(sizes).toContainEqual(['docs/a.pdf', 'The launch is in May.'.length]);
  expect(await rig.shares.resolve([{ pattern: 'docs/*' }])).toHaveLength(6);
  const lines = await rig.shares.resolve([{ pattern: 'docs/a.pdf#L1' }], undefined, text);
  expect(lines[0]).toMatchObject({ startLine: 1, endLine: 1, bytes: 21n });
  const noLine = rig.shares.resolve([{ pattern: 'docs/a.pdf#L2' }], undefined, text);
  await expect(noLine).rejects.toThrow(/only 1 lines/);
  await rig.close();
});

test('a limit that is at its most is not told to be raised', async () => {
  const many = Object.fromEntries(Array.from({ length: 2001 }, (_, at) => [`docs/many/${at}.md`, 'x']));
  const rig = await edgeRig(edgeFolder(many));
  const tooMany = (error: Error) => error.message;
  expect(await rig.shares.resolve([{ pattern: 'docs/many' }]).then(String, tooMany)).toMatch(/most that can be set/);
  await rig.close();
  const less = await edgeRig(edgeFolder(many), { config: 'limits: {share_files: 100}\n' });
  expect(await less.shares.resolve([{ pattern: 'docs/many' }]).then(String, tooMany)).toMatch(
    /raise limits.share_files/,
  );
  await less.close();
});

test('a file 40 folders down is shared by a glob above it; a folder below the limit of depth is told', async () => {
  const deep = `docs/deep/${Array.from({ length: 40 }, (_, i) => `level-${i}`).join('/')}/end.md`;
  const dir = edgeFolder({ [deep]: 'end', 'docs/deep/top.md': 'top' });
  const rig = await edgeRig(dir);
  expect((await rig.shares.resolve([{ pattern: 'docs/deep/**' }])).map(({ path }) => path)).toEqual([
    deep,
    'docs/deep/top.md',
  ]);
  await rig.close();
  const low = await edgeRig(dir, { config: 'limits: {walk_depth: 5}\n' });
  const told: string[] = [];
  const left = (path: string, { reason }: { readonly reason: string }) => void told.push(`${path} ${reason}`);
  const found = await low.shares.resolve([{ pattern: 'docs/deep/**' }], { left });
  expect(found.map(({ path }) => path)).toEqual(['docs/deep/top.md']);
  expect(told).toEqual(['docs/deep/level-0/level-1/level-2/level-3/level-4 LIMIT_EXCEEDED']);
  await expect(low.shares.resolve([{ pattern: 'docs/deep/**' }])).rejects.toThrow(/walk_depth/);
  await low.close();
});

test('a limit that some files meet leaves out those, and shares the others', async () => {
  const files = {
    'docs/a.md': 'a'.repeat(40),
    'docs/b.md': 'b'.repeat(70),
    'docs/c.md': 'c'.repeat(50),
    'docs/d.md': 'd',
  };
  const shared = async (limits: string) => {
    const rig = await edgeRig(edgeFolder(files), { config: `limits: {${limits}}\n` });
    const left: string[] = [];
    const report = { left: (path: string, { reason }: { reason: string }) => void left.push(`${path} ${reason}`) };
    const found = await rig.shares.resolve([{ pattern: 'docs/*' }], report);
    await rig.close();
    return [found.map(({ path }) => path), left];
  };
  expect(await shared('share_bytes: 100')).toEqual([
    ['docs/a.md', 'docs/c.md', 'docs/d.md'],
    ['docs/b.md LIMIT_EXCEEDED'],
  ]);
  expect(await shared('share_files: 2')).toEqual([
    ['docs/a.md', 'docs/b.md'],
    ['docs/c.md LIMIT_EXCEEDED', 'docs/d.md LIMIT_EXCEEDED'],
  ]);
  expect(await shared('file_bytes: 60')).toEqual([
    ['docs/a.md', 'docs/c.md', 'docs/d.md'],
    ['docs/b.md FILE_TOO_LARGE'],
  ]);
  expect(await shared('walk_entries: 3')).toEqual([['docs/a.md', 'docs/b.md', 'docs/c.md'], ['docs LIMIT_EXCEEDED']]);
});

test('a wish that means nothing is left out where several may be, else it is an error', async () => {
  const rig = await edgeRig(edgeFolder(FILES));
  const wishes = [{ pattern: 'docs/notes.md' }, { pattern: 'docs/nope.md' }];
  await expect(rig.shares.resolve(wishes)).rejects.toMatchObject({ reason: 'SHARE_NO_MATCH' });
  const left: string[] = [];
  const found = await rig.shares.resolve(wishes, { left: (path) => void left.push(path), wishes: true });
  expect([found.map(({ path }) => path), left]).toEqual([['docs/notes.md'], ['docs/nope.md']]);
  await rig.close();
});

test('what the owner leaves out is not shared: by .bowlineignore always, by .gitignore and patterns where asked for', async () => {
  const rig = await edgeRig(
    edgeFolder({
      'docs/.bowlineignore': '\ufeffprivate/\n*.key.md\n',
      'docs/.gitignore': 'build/\n',
      'docs/a.md': 'a',
      'docs/a.log': 'log',
      'docs/b.key.md': 'key',
      'docs/private/p.md': 'p',
      'docs/build/out.md': 'out',
      'docs/sub/.bowlineignore': '!b.key.md\n草稿*\n',
      'docs/sub/b.key.md': 'taken back in',
      'docs/sub/草稿一.md': 'draft',
    }),
  );
  const shared = async (pattern: string, rules: object = {}) =>
    (await rig.shares.resolve([{ pattern }], undefined, rules)).map(({ path }) => path);
  expect(await shared('docs')).toEqual(['docs/a.log', 'docs/a.md', 'docs/build/out.md', 'docs/sub/b.key.md']);
  expect(await shared('docs', { gitignore: true })).toEqual(['docs/a.log', 'docs/a.md', 'docs/sub/b.key.md']);
  expect(await shared('docs/**', { excludes: ['*.log', 'sub/'] })).toEqual(['docs/a.md', 'docs/build/out.md']);
  for (const pattern of ['docs/private/p.md', 'docs/private', 'docs/private/*', 'docs/b.key.md', 'docs/sub/草稿*'])
    await expect(shared(pattern), pattern).rejects.toThrow(/left out by \.bowlineignore/);
  writeFileSync(join(rig.dir, 'docs/sub/.bowlineignore'), Buffer.alloc(100_000, '#'));
  await expect(shared('docs/sub')).rejects.toThrow(/\.bowlineignore says what may not be shared/);
  await rig.close();
});

test('a secret in the text of a document keeps it here, also where the document leaves as it is', async () => {
  const token = `ghp_${'a1B2'.repeat(9)}`;
  // Word processors cut a line into runs: its bytes hold no part that is known as a token.
  const letter = makeDocx(paragraph(`The token is ${token.slice(0, 9)}</w:t></w:r><w:r><w:t>${token.slice(9)}.`));
  const rig = await edgeRig(
    edgeFolder({
      'docs/letter.docx': letter,
      'docs/plain.docx': makeDocx(paragraph('Nothing.')),
      'docs/a.bin': BINARY,
    }),
  );
  const frozen = (name: string) => rig.shares.resolve([{ pattern: `docs/${name}` }]);
  await expect(frozen('letter.docx')).rejects.toMatchObject({ reason: 'SECRET_CONTENT' });
  // The bytes of a document that leaves as it is are its own, not those of its text.
  expect(await frozen('plain.docx')).toMatchObject([{ bytes: BigInt(makeDocx(paragraph('Nothing.')).length) }]);
  // What has no text has no secret in it.
  expect(await frozen('a.bin')).toMatchObject([{ bytes: BigInt(BINARY.length) }]);
  await rig.close();
});

test('a document that holds a secret of this box is not added, in whatever form and over whatever pieces; a share of it is masked', async () => {
  const value = 'Zq8-vTkk-991x-Lhnd';
  const far = `${'x'.repeat((64 << 10) - 7)}${Buffer.from(value).toString('base64')}`;
  const dir = edgeFolder({
    'box.txt': value,
    'docs/plain.md': `the lamp: ${value}\n`,
    'docs/far.md': far,
    'docs/letter.docx': makeDocx(paragraph(`${value.slice(0, 5)}</w:t></w:r><w:r><w:t>${value.slice(5)}`)),
    'docs/clean.md': `the lamp: ${value.slice(0, -1)}\n`,
  });
  chmodSync(join(dir, 'box.txt'), 0o600);
  const rig = await edgeRig(dir, { config: 'secrets: {box: {file: DIR/box.txt}}\n' });
  const added = (name: string) => rig.shares.resolve([{ pattern: `docs/${name}` }], undefined, { secrets: true });
  for (const name of ['plain.md', 'far.md', 'letter.docx'])
    await expect(added(name), name).rejects.toMatchObject({ reason: 'BOX_SECRET', metadata: { name: 'box' } });
  expect(await added('clean.md')).toHaveLength(1);
  expect(await rig.shares.resolve([{ pattern: 'docs/plain.md' }], undefined, { text: true })).toHaveLength(1);
  await rig.close();
});

const BINARY = Buffer.from(Array.from({ length: 300 }, (_, at) => (at * 37) % 256));
