// Where a path leads is judged by what is open: links, hard links, swapped folders, odd names.
import { linkSync, mkdirSync, renameSync, symlinkSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Worker } from 'node:worker_threads';
import { expect, onTestFinished, test } from 'vitest';
import { FsService, WriteMode } from '../../../../gen/bowline/capability/fs/v1/fs_pb.ts';
import { SizeClass, WithheldReason } from '../../../../gen/bowline/run/v1/run_pb.ts';
import { type EdgeRig, edgeFolder, edgeRig } from '../../../../test/support/edge-rig.ts';

const { read, write, list, stat, search } = FsService.method;

test('a second name for a file of the home is denied everywhere, also when it came later', async () => {
  const dir = edgeFolder({ 'docs/a.md': 'a' });
  const rig = await edgeRig(dir);
  const { run } = await rig.ask('What does config say?');
  for (const round of [1, 2]) {
    const file = join(dir, `home/late-${round}`);
    writeFileSync(file, 'config of the home');
    linkSync(file, join(dir, `docs/note-${round}.md`));
    const path = `docs/note-${round}.md`;
    expect((await rig.call(read, { path }, { run })).failure).toBe('PATH_NOT_ALLOWED');
    expect((await rig.call(stat, { path }, { run })).failure).toBe('PATH_NOT_ALLOWED');
    const listed = await rig.call(list, { path: 'docs' }, { run });
    expect(listed.messages[0]?.files.map((one) => one.path)).toEqual(['docs/a.md']);
    expect((await rig.call(search, { terms: ['config'] }, { run })).messages[0]?.matches).toEqual([]);
    await expect(rig.shares.resolve([{ pattern: path }])).rejects.toMatchObject({ reason: 'PATH_NOT_ALLOWED' });
  }
  linkSync(join(dir, 'docs/a.md'), join(dir, 'docs/b.md'));
  expect((await rig.call(stat, { path: 'docs/b.md' }, { run })).failure).toBeUndefined();
  await rig.close();
});

/** Swaps two names for as long as the test runs, in a thread of its own. */
function swap(a: string, b: string): void {
  const code = `const fs = require('node:fs'); const { a, b } = require('node:worker_threads').workerData;
    for (;;) { fs.renameSync(a, a + '.t'); fs.renameSync(b, a); fs.renameSync(a, b); fs.renameSync(a + '.t', a); }`;
  const worker = new Worker(code, { eval: true, workerData: { a, b } });
  worker.on('error', () => {});
  onTestFinished(async () => void (await worker.terminate()));
}

async function racing(rig: EdgeRig, run: string, outside: number): Promise<void> {
  const old = (file: { modifyTime?: { seconds: bigint } | undefined } | undefined) =>
    file?.modifyTime?.seconds === BigInt(outside);
  for (let round = 0; round < 60; round++) {
    const path = 'docs/dir/f.md';
    const answers = await Promise.all([
      rig.call(stat, { path }, { run }),
      rig.call(read, { path }, { run }),
      rig.call(stat, { path: 'docs/dir/only-outside.md' }, { run }),
    ]);
    for (const { messages } of answers) expect(old(messages[0]?.file)).toBe(false);
    expect(answers[2].messages).toEqual([]);
    const listed = await rig.call(list, { path: 'docs', recursive: true }, { run });
    const found = await rig.call(search, { terms: ['canary'] }, { run });
    const files = [...(listed.messages[0]?.files ?? []), ...(found.messages[0]?.matches ?? []).map(({ file }) => file)];
    expect(files.some((file) => old(file) || file?.path.includes('only'))).toBe(false);
  }
}

test('below a folder that is swapped with a link out nothing of the outside is told', async () => {
  const dir = edgeFolder({ 'docs/dir/f.md': 'inside', 'outside/f.md': 'canary', 'outside/only-outside.md': 'canary' });
  for (const name of ['f.md', 'only-outside.md']) utimesSync(join(dir, 'outside', name), 1e9, 1e9);
  mkdirSync(join(dir, 'spare'));
  symlinkSync(join(dir, 'outside'), join(dir, 'spare/link'));
  const rig = await edgeRig(dir);
  const { run } = await rig.ask('Where is the canary?');
  swap(join(dir, 'docs/dir'), join(dir, 'spare/link'));
  await racing(rig, run, 1e9);
  await rig.close();
}, 60_000);

test('a root whose parent became a link leads nowhere', async () => {
  const dir = edgeFolder({ 'docs/a.md': 'a', 'other/docs/a.md': 'other' });
  const rig = await edgeRig(dir, { config: `allow: {read: [DIR/docs]}\n` });
  renameSync(join(dir, 'docs'), join(dir, 'was'));
  symlinkSync(join(dir, 'other/docs'), join(dir, 'docs'));
  for (const path of ['docs/a.md', 'docs']) expect((await rig.call(stat, { path })).failure).toBe('PATH_NOT_ALLOWED');
  await rig.close();
});

test('names with controls, line ends of Unicode, turned writing or broken UTF-8 are told by nobody, and counted', async () => {
  const odd = ['a\u0007.md', 'b\u0085.md', 'c\u2028.md', 'd\u202e.md', 'e\u2067.md', 'f\u200f.md', 'g\ufffd.md'];
  const hidden = ['\u200b', '\ufeff', '\u2063', '\u3164', '\u00ad', '\u034f', '\ufe0f', '\u2800', '\u{e0041}'];
  odd.push(...hidden.map((sign, n) => `${'stuvwxyzq'[n]}${sign}.md`));
  const fine = ['docs/ok.md', 'docs/नक्‍श.md', 'docs/می‌خواهم.md', 'docs/❤️.md', 'docs/👩‍👩‍👧.md', 'docs/说明.md'];
  const dir = edgeFolder({
    ...Object.fromEntries(fine.map((name) => [name, 'word'])),
    ...Object.fromEntries(odd.map((name) => [`docs/${name}`, 'word'])),
  });
  writeFileSync(Buffer.concat([Buffer.from(join(dir, 'docs/h')), Buffer.from([0xff])]), 'word');
  const rig = await edgeRig(dir);
  const { run } = await rig.ask('Which word?');
  const listed = await rig.call(list, { path: 'docs' }, { run });
  expect(new Set(listed.messages[0]?.files.map(({ path }) => path))).toEqual(new Set(fine));
  expect(listed.result.withheld).toContainEqual(
    expect.objectContaining({ field: 'files', why: WithheldReason.UNREADABLE_NAME, name: 'docs: 17 names' }),
  );
  const found = await rig.call(search, { terms: ['word'] }, { run });
  expect(new Set(found.messages[0]?.matches.map(({ file }) => file?.path))).toEqual(new Set(fine));
  for (const name of odd) {
    for (const method of [read, stat]) {
      expect((await rig.call(method, { path: `docs/${name}` }, { run })).failure).toBe('PATH_NOT_ALLOWED');
    }
  }
  await rig.close();
});

test('adding to a file tells nothing of how large it was', async () => {
  const seen = async (size: number) => {
    const config = 'allow:\n  write: [{path: DIR/docs/out.txt, confirm: never}]\nlimits: {file_bytes: 4096}\n';
    const rig = await edgeRig(edgeFolder({ 'docs/out.txt': 'x'.repeat(size) }), { config });
    const { run } = await rig.ask('Add to it.');
    const path = 'docs/out.txt';
    const views: unknown[] = [];
    for (let n = 0; n < 9; n++) {
      const { messages, failure, result } = await rig.call(
        write,
        { path, text: 'y'.repeat(512), mode: WriteMode.APPEND },
        { run },
      );
      views.push(
        failure,
        messages[0]?.file?.sizeClass,
        result.withheld.map(({ field, size: told }) => [field, told]),
      );
      for (const method of [stat, read]) {
        const { messages: about, result: all } = await rig.call(method, { path }, { run });
        views.push(
          about[0]?.file?.sizeClass,
          all.withheld.map(({ size: told }) => told),
        );
      }
      const listed = await rig.call(list, { path: 'docs' }, { run });
      views.push(listed.messages[0]?.files.map(({ sizeClass }) => sizeClass));
    }
    await rig.close();
    return JSON.stringify(views);
  };
  const first = await seen(0);
  expect(first).toContain('LIMIT_EXCEEDED');
  for (const size of [1, 1000, 4000, 4096, 100_000]) expect(await seen(size)).toBe(first);
});

test('a file that a command may write gives no size class either', async () => {
  const config =
    'allow:\n  execute:\n    - {argv: [touch, "{word}"], cwd: DIR/docs/w, writes: [DIR/docs/w], confirm: never}\n';
  const rig = await edgeRig(edgeFolder({ 'docs/a.md': 'abc', 'docs/w/b.md': 'abc' }), { config });
  const { run } = await rig.ask('How large?');
  const told = async (path: string) => {
    const { messages, result } = await rig.call(read, { path }, { run });
    const about = (await rig.call(stat, { path }, { run })).messages[0]?.file;
    return [about?.sizeClass, messages[0]?.file?.sizeClass, Math.max(...result.withheld.map(({ size }) => size))];
  };
  const { UNDER_1K, UNSPECIFIED } = SizeClass;
  expect(await told('docs/a.md')).toEqual([UNDER_1K, UNDER_1K, UNDER_1K]);
  expect(await told('docs/w/b.md')).toEqual([UNSPECIFIED, UNSPECIFIED, UNSPECIFIED]);
  const listed = await rig.call(list, { path: 'docs', recursive: true }, { run });
  expect(listed.messages[0]?.files.map(({ path, sizeClass }) => [path, sizeClass])).toEqual([
    ['docs/a.md', UNDER_1K],
    ['docs/w', UNSPECIFIED],
    ['docs/w/b.md', UNSPECIFIED],
  ]);
  await rig.close();
});

test('what holds a secret of a well-known form is not shared, and not found by its words', async () => {
  const key = ['-----BEGIN OPENSSH', 'PRIVATE KEY-----'].join(' ');
  const token = `gh${'p'}_${'a1B2'.repeat(9)}`;
  const rig = await edgeRig(
    edgeFolder({
      'docs/key.md': `launch\n${'text '.repeat(20_000)}${key}\nMII\n`,
      'docs/token.md': `launch\n${token}`,
      'docs/good.md': 'launch',
    }),
  );
  for (const name of ['key', 'token']) {
    await expect(rig.shares.resolve([{ pattern: `docs/${name}.md` }])).rejects.toMatchObject({
      reason: 'SECRET_CONTENT',
      message: expect.stringContaining(`docs/${name}.md`),
    });
  }
  expect(await rig.shares.resolve([{ pattern: 'docs/good.md' }])).toHaveLength(1);
  const { run } = await rig.ask('Which notes mention the launch?');
  const { messages } = await rig.call(search, { terms: ['launch'] }, { run });
  expect(messages[0]?.matches.map(({ file }) => file?.path)).toEqual(['docs/good.md']);
  await rig.close();
});
