// `bowline undo` over the owner's socket: looks first, asks, says what stays and where to take it back.
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { FsService, WriteMode } from '../../gen/bowline/capability/fs/v1/fs_pb.ts';
import { undoVerb } from '../../src/cli/verbs/undo.ts';
import { edgeFolder, edgeRig } from '../support/edge-rig.ts';
import { ownerSocket, runVerb } from '../support/owner-socket.ts';
import { inTerminal, screenOf } from '../support/terminal.ts';

const RUN = '0190f3c2-7d3a-7c11-9f00-1b6d0a5c2e11';

/** A box whose run changed two files. */
async function changedBox() {
  const dir = edgeFolder({ 'docs/a.md': 'eins\n', 'docs/b.md': '文\n' });
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
    /can be undone: restore docs\/b\.md \(4 bytes\), changed at .*\n {2}@@ -1,1 \+1,1 @@\n {2}-new\n {2}\+文\n/,
  );
  expect((await undo(home, RUN)).failed).toContain('say --yes');
  expect([text('a'), text('b')]).toEqual(['new\n', 'new\n']);
  const done = await undo(home, RUN, '--yes');
  expect([text('a'), text('b')]).toEqual(['eins\n', '文\n']);
  const id = /To take this back: bowline undo (\S+)/.exec(done.out)?.[1] ?? '';
  expect(JSON.parse((await undo(home, id, '--yes', '--json')).out)).toMatchObject({ run: id, steps: [{}, {}] });
  expect([text('a'), text('b')]).toEqual(['new\n', 'new\n']);
});

test('what changed since stays, is said, and makes another exit code; an unknown run is told', async () => {
  const { dir, home, text } = await changedBox();
  writeFileSync(join(dir, 'docs/a.md'), 'someone wrote this');
  const { out, exit } = await undo(home, RUN, '-y');
  expect([exit, text('a'), text('b')]).toEqual([5, 'someone wrote this', '文\n']);
  expect(out).toContain('undone: restore docs/b.md');
  expect(out).toContain('stays: it changed since: restore docs/a.md');
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
