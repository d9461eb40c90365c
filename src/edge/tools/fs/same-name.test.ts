// A name is one name in each of its Unicode forms: for every tool, share and rule, whichever form the disk has.
import { mkdirSync, readdirSync, renameSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { FsService, WriteMode } from '../../../../gen/bowline/capability/fs/v1/fs_pb.ts';
import { type EdgeRig, edgeFolder, edgeRig } from '../../../../test/support/edge-rig.ts';

const { read, write, list, stat, search } = FsService.method;
const nfc = (text: string) => text.normalize('NFC');
const nfd = (text: string) => text.normalize('NFD');

const BOTH = [
  ['composed on the disk', nfc, nfd],
  ['decomposed on the disk', nfd, nfc],
] as const;

/** Folder and file: accents, Hangul, Vietnamese. */
const NAMES = ['José/résumé.md', '한글/문서.md', 'Việt/Nguyễn.md'];

/** What one asked and answered, for a file that is shared and in a run of its own. */
async function readAll(rig: EdgeRig, path: string, shared: string) {
  const { run } = await rig.ask('word', [shared]);
  return rig.call(read, { path }, { run });
}

describe.each(BOTH)('%s', (_, disk, asked) => {
  test.each(NAMES)('Read, Stat, List and Search find %s, and tell it as the disk has it', async (name) => {
    const path = `docs/${disk(name)}`;
    const rig = await edgeRig(edgeFolder({ [path]: 'one word\n' }));
    const { run } = await rig.ask('one word', [`docs/${asked(name)}`]);
    for (const form of [disk, asked]) {
      const wish = `docs/${form(name)}`;
      const got = await rig.call(read, { path: wish }, { run });
      expect(got.messages[0]).toMatchObject({ text: 'one word\n', file: { path } });
      expect((await rig.call(read, { path: wish, startLine: 1 }, { run })).failure).toBeUndefined();
      expect((await rig.call(read, { path: join(rig.dir, wish) }, { run })).failure).toBeUndefined();
      const about = await rig.call(stat, { path: wish }, { run });
      expect(about.messages[0]?.file).toMatchObject({ path, sizeBytes: 9n });
      const folder = form(`docs/${name.split('/')[0]}`);
      for (const glob of ['', form(name.split('/')[1] ?? '')]) {
        const listed = await rig.call(list, { path: folder, glob }, { run });
        expect(listed.messages[0]?.files.map((file) => file.path)).toEqual([path]);
        const found = await rig.call(search, { path: folder, glob, terms: ['word'] }, { run });
        expect(found.messages[0]?.matches[0]).toMatchObject({ file: { path }, text: 'one word' });
      }
      expect((await rig.call(search, { path: wish, terms: ['word'] }, { run })).messages[0]?.matches).toHaveLength(1);
    }
    await rig.close();
  });

  test.each(NAMES)('%s is shared by either form, also as a glob, and covers a Read in either', async (name) => {
    const path = `docs/${disk(name)}`;
    const rig = await edgeRig(edgeFolder({ [path]: 'x' }));
    const [folder = '', file = ''] = asked(name).split('/');
    for (const pattern of [
      `docs/${asked(name)}`,
      join(rig.dir, 'docs', asked(name)),
      `docs/${folder}`,
      `docs/${folder}/*.md`,
      `docs/**/${file}`,
      `docs/{${folder},other}/*`,
    ]) {
      const files = await rig.shares.resolve([{ pattern }]);
      expect(
        files.map((one) => one.path),
        pattern,
      ).toEqual([path]);
      expect((await readAll(rig, `docs/${asked(name)}`, pattern)).messages[0]?.text).toBe('x');
    }
    await rig.close();
  });

  test('a folder of config.yaml, a command’s folder, its words and its paths are named in either form', async () => {
    const config = `allow:
  read: ['DIR/${asked('Übung')}']
  execute:
    - {argv: ['DIR/${asked('tools/lésen')}', '${asked('größe')}', '{path}'], cwd: 'DIR/${asked('Übung')}', confirm: never, output: share, isolation: none}
`;
    const dir = edgeFolder({ [disk('Übung/é.md')]: 'exercise', [disk('tools/lésen')]: '#!/bin/sh\ncat "$2"\n' });
    const rig = await edgeRig(dir, { config });
    expect(rig.config.roots[0]).toMatchObject({ name: disk('Übung'), realPath: join(dir, disk('Übung')) });
    expect(rig.config.execute[0]?.argv[0]).toBe(join(dir, disk('tools/lésen')));
    for (const form of [disk, asked]) {
      for (const root of [form('Übung'), join(dir, form('Übung'))]) {
        expect((await rig.call(stat, { path: `${root}/${form('é.md')}` })).messages[0]?.file?.path).toBe(
          disk('Übung/é.md'),
        );
      }
      const argv = [join(dir, form('tools/lésen')), form('größe'), join(dir, form('Übung/é.md'))];
      const command = rig.allow.judgeCommand(argv, join(dir, form('Übung')), false);
      expect(command.argv.slice(0, 2)).toEqual([join(dir, disk('tools/lésen')), asked('größe')]);
      const opened = await rig.allow.openCommand(command);
      expect(opened.argv[2]).toBe(join(dir, disk('Übung/é.md')));
      expect(opened.cwd.realPath).toBe(join(dir, disk('Übung')));
      await opened.close();
    }
    await rig.close();
  });

  test('what is hidden, secret or in the home stays so in either form, and what is named may be read in either', async () => {
    const dir = edgeFolder({
      [disk('docs/.privé/x.md')]: 'x',
      [disk('docs/.caché/x.md')]: 'x',
      [disk('docs/é/.env')]: 'x',
      [disk('docs/é/passwörter/id_rsa')]: 'x',
    });
    const config = `allow: {hidden: ['${asked('.privé')}']}\n`;
    const rig = await edgeRig(dir, { config });
    for (const form of [disk, asked]) {
      expect((await rig.call(stat, { path: form('docs/.privé/x.md') })).failure).toBeUndefined();
      for (const path of ['docs/.caché/x.md', 'docs/é/.env', 'docs/é/passwörter/id_rsa']) {
        expect((await rig.call(read, { path: form(path) })).failure, path).toBe('PATH_NOT_ALLOWED');
        await expect(rig.shares.resolve([{ pattern: form(path) }])).rejects.toMatchObject({
          reason: 'PATH_NOT_ALLOWED',
        });
      }
    }
    await rig.close();
  });

  test('Write means the file that is there, and makes no second one beside it', async () => {
    const config = `allow:\n  write: [{path: 'DIR/${asked('docs/é/süß.txt')}', confirm: never}]\n`;
    const dir = edgeFolder({ [disk('docs/é/a.md')]: 'a' });
    const rig = await edgeRig(dir, { config });
    writeFileSync(join(dir, disk('docs/é/süß.txt')), 'first ');
    for (const form of [disk, asked]) {
      const path = form('docs/é/süß.txt');
      expect((await rig.call(write, { path, text: 'x' })).failure).toBe('FILE_EXISTS');
      const added = await rig.call(write, { path, text: 'x', mode: WriteMode.APPEND });
      expect(added.messages[0]).toMatchObject({ created: false, file: { path: disk('docs/é/süß.txt') } });
    }
    expect(readdirSync(join(dir, disk('docs/é'))).sort()).toEqual(['a.md', disk('süß.txt')].sort());
    await rig.close();
  });

  test('a file that may be written is no part of a command in either form', async () => {
    const config = `allow:
  write: [{path: 'DIR/${disk('docs/é.sh')}', confirm: never}]
  execute: [{argv: ['${asked('DIR/docs/é.sh')}'], confirm: never}]
`;
    await expect(edgeRig(edgeFolder({ [disk('docs/é.sh')]: 'x' }), { config })).rejects.toMatchObject({
      reason: 'CONFIG_INVALID',
    });
  });

  test('a link to the other form leads to what is there', async () => {
    const dir = edgeFolder({ [disk('docs/é/ö.md')]: 'x' });
    symlinkSync(asked('é'), join(dir, 'docs/link'));
    const rig = await edgeRig(dir);
    expect((await rig.call(stat, { path: asked('docs/link/ö.md') })).messages[0]?.file?.path).toBe(
      `docs/link/${disk('ö.md')}`,
    );
    await rig.close();
  });
});

test('two that look the same are each read by their own signs, and a third form is refused with both told apart', async () => {
  const [composed, decomposed, between] = ['\u1ec7', 'e\u0302\u0323', '\u1eb9\u0302'];
  const rig = await edgeRig(
    edgeFolder({ [`docs/${composed}.md`]: 'composed', [`docs/${decomposed}.md`]: 'decomposed' }),
  );
  expect((await readAll(rig, `docs/${composed}.md`, `docs/${composed}.md`)).messages[0]?.text).toBe('composed');
  expect((await readAll(rig, `docs/${decomposed}.md`, `docs/${decomposed}.md`)).messages[0]?.text).toBe('decomposed');
  for (const method of [read, stat]) {
    expect((await rig.call(method, { path: `docs/${between}.md` })).failure).toBe('NAME_AMBIGUOUS');
  }
  await expect(rig.shares.resolve([{ pattern: `docs/${between}.md` }])).rejects.toThrow(
    '"e\\u{302}\\u{323}.md" and "\\u{1ec7}.md"',
  );
  // Granted is one of them, by its device and inode: the other has the same name and stays here.
  const crossed = await readAll(rig, `docs/${decomposed}.md`, `docs/${composed}.md`);
  expect(crossed.messages[0]?.text ?? '').toBe('');
  const listed = await rig.call(list, { path: 'docs' });
  expect(listed.messages[0]?.files.map(({ path }) => path).sort()).toEqual(
    [`docs/${composed}.md`, `docs/${decomposed}.md`].sort(),
  );
  await rig.close();
});

test('two roots that look the same have two names, and each is reached by its own signs', async () => {
  const config = `allow: {read: ['DIR/${nfc('é')}', 'DIR/${nfd('é')}']}\n`;
  const dir = edgeFolder({ [`${nfc('é')}/f`]: 'c', [`${nfd('é')}/f`]: 'd' });
  const rig = await edgeRig(dir, { config });
  expect(new Set(rig.config.roots.map(({ name }) => nfc(name)))).toHaveProperty('size', 3);
  for (const { name, realPath } of rig.config.roots.slice(0, 2)) {
    const seen = await rig.call(stat, { path: join(realPath, 'f') });
    expect(seen.messages[0]?.file?.path).toBe(`${name}/f`);
  }
  await rig.close();
});

test('compatibility forms and lookalikes are not the same name', async () => {
  const rig = await edgeRig(edgeFolder({ 'docs/file.md': 'x', 'docs/x2.md': 'x', 'docs/k.md': 'x' }));
  for (const path of ['docs/ﬁle.md', 'docs/x².md', 'docs/ｋ.md', 'docs/К.md']) {
    expect((await rig.call(stat, { path })).failure, path).toBe('FILE_NOT_FOUND');
  }
  await rig.close();
});

test('a name that takes another form while the edge runs is found in that', async () => {
  const dir = edgeFolder({ 'docs/a.md': 'a' });
  const rig = await edgeRig(dir);
  mkdirSync(join(dir, 'docs', nfd('é')));
  for (const form of [nfc, nfd, nfc]) {
    const [now = ''] = readdirSync(join(dir, 'docs')).filter((name) => name !== 'a.md');
    renameSync(join(dir, 'docs', now), join(dir, 'docs', form('é')));
    const seen = await rig.call(stat, { path: `docs/${nfc('é')}` });
    expect(seen.messages[0]?.file?.path).toBe(`docs/${form('é')}`);
  }
  await rig.close();
});
