// `bowline undo` over the owner's socket: looks first, asks, says what stays and where to take it back.
import { linkSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { FsService, WriteMode } from '../../gen/bowline/capability/fs/v1/fs_pb.ts';
import { undoVerb } from '../../src/cli/verbs/undo.ts';
import { edgeFolder, edgeRig } from '../support/edge-rig.ts';
import { ownerSocket, runVerb } from '../support/owner-socket.ts';
import { inTerminal, screenOf } from '../support/terminal.ts';

const RUN = '0190f3c2-7d3a-7c11-9f00-1b6d0a5c2e11';

/** A box whose run changed two files. */
async function changedBox(first: (box: { dir: string }) => void = () => {}) {
  const dir = edgeFolder({ 'docs/a.md': 'eins\n', 'docs/b.md': '文\n' });
  first({ dir });
  const rig = await edgeRig(dir, { config: 'allow:\n  write: [{path: DIR/docs, confirm: never}]\n' });
  for (const name of ['a', 'b']) {
    const request = { path: `docs/${name}.md`, text: 'new\n', mode: WriteMode.REPLACE };
    await rig.call(FsService.method.write, request, { run: RUN });
  }
  const { home } = rig;
  await ownerSocket(rig);
  return { dir, home, text: (name: string) => readFileSync(join(dir, `docs/${name}.md`), 'utf8') };
}

const undo = (home: string, ...words: string[]) => runVerb(undoVerb, home, ...words);

test('it shows what it would restore, needs a yes, restores, and can be taken back', async () => {
  const { home, text } = await changedBox();
  const preview = await undo(home, RUN.slice(0, 8), '--preview');
  expect(preview).toMatchObject({ exit: 0, failed: '' });
  expect(preview.out).toMatch(
    /can be undone: restore docs\/b\.md \(4 bytes\), changed at .*\n {4}@@ -1,1 \+1,1 @@\n {4}-new\n {4}\+文\n/,
  );
  expect((await undo(home, RUN)).failed).toContain('say --yes');
  expect([text('a'), text('b')]).toEqual(['new\n', 'new\n']);
  const done = await undo(home, RUN, '--yes');
  expect([text('a'), text('b')]).toEqual(['eins\n', '文\n']);
  const id = /To take this back: bowline undo (\S+)/.exec(done.out)?.[1] ?? '';
  expect(JSON.parse((await undo(home, id, '--yes', '--json')).out)).toMatchObject({ run: id, steps: [{}, {}] });
  expect([text('a'), text('b')]).toEqual(['new\n', 'new\n']);
});

test('what comes back is drawn as in a question: what an eye does not see is written out', async () => {
  const { home } = await changedBox(({ dir }) => writeFileSync(join(dir, 'docs/b.md'), '文\tx \nab\u202ecd\n'));
  const { out } = await undo(home, RUN, '--preview');
  expect(out).toMatch(/ {4}\+文→ +x·\n {4}\+ab\\u202ecd\n/);
  expect(out).toContain('they stand here as');
});

test('what changed since stays, is said, and makes another exit code; an unknown run is told', async () => {
  const { dir, home, text } = await changedBox();
  writeFileSync(join(dir, 'docs/a.md'), 'someone wrote this');
  const { out, exit } = await undo(home, RUN, '-y');
  expect([exit, text('a'), text('b')]).toEqual([5, 'someone wrote this', '文\n']);
  expect(out).toContain('undone: restore docs/b.md');
  expect(out).toContain('stays: it changed since: restore docs/a.md');
  expect(out).toContain('Undone, but for what stays. To take this back: bowline undo ');
  expect((await undo(home, 'none-such')).failed).toContain('none-such');
});

test.each(['', 'n', 'y'])('at a terminal it asks, and %j is the answer', async (key) => {
  const { dir, home, text } = await changedBox();
  const keys = [{ after: 'Undo 2 changes? y/N', press: `${key}\r` }];
  const { all, code } = await inTerminal(['undo', RUN], { cwd: dir, home, columns: 80, keys });
  const screen = screenOf(all);
  expect(code).toBe(0);
  expect(screen).toContain('can be undone: restore docs/a.md (5 bytes)');
  if (key === 'y') expect(screen).toMatch(/undone: restore docs\/b\.md[\s\S]*To take this back: bowline undo /);
  else expect(screen).toContain('Nothing was changed.');
  expect([text('a'), text('b')]).toEqual(key === 'y' ? ['eins\n', '文\n'] : ['new\n', 'new\n']);
});

test('other names of what was replaced are told, and keep their content through change and undo', async () => {
  const { dir, home, text } = await changedBox(({ dir }) =>
    linkSync(join(dir, 'docs/a.md'), join(dir, 'docs/same.md')),
  );
  linkSync(join(dir, 'docs/a.md'), join(dir, 'docs/later.md'));
  const { out } = await undo(home, RUN, '--preview');
  expect(out).toMatch(
    /restore docs\/a\.md .*\n {2}it had 1 other name; what was there stays under it, apart from this file\n {2}it has 1 other name now; what is there stays under it\n/,
  );
  const done = await undo(home, RUN, '--yes');
  expect(['a', 'same', 'later'].map(text)).toEqual(['eins\n', 'eins\n', 'new\n']);
  const id = /To take this back: bowline undo (\S+)/.exec(done.out)?.[1] ?? '';
  // The file that came back has no other name; the one that went had one.
  expect((await undo(home, id, '--preview')).out).toMatch(
    /restore docs\/a\.md .*\n {2}it had 1 other name; .*\n {4}@@/,
  );
});
