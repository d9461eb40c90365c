// `bowline undo` over the owner's socket: looks first, asks, says what stays and where to take it back.
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { Command } from 'commander';
import { expect, onTestFinished, test } from 'vitest';
import { FsService, WriteMode } from '../../gen/bowline/capability/fs/v1/fs_pb.ts';
import { LocalService } from '../../gen/bowline/local/v1/local_pb.ts';
import { homePaths } from '../../src/base/home.ts';
import { silentLogger } from '../../src/base/logger.ts';
import { RequestFaults } from '../../src/base/stray-errors.ts';
import { undoVerb } from '../../src/cli/verbs/undo.ts';
import { ownerKey } from '../../src/edge/local/home-owner-key.ts';
import { LocalServer } from '../../src/edge/local/local-server.ts';
import { undoMethods } from '../../src/edge/local/undo-methods.ts';
import { edgeFolder, edgeRig } from '../support/edge-rig.ts';

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
  const paths = homePaths(home);
  mkdirSync(join(paths.socket, '..'), { recursive: true, mode: 0o700 });
  const server = await LocalServer.listen({
    socket: paths.socket,
    ownerKey: ownerKey(paths.ownerKey),
    ownerKeyFile: paths.ownerKey,
    clients: 4,
    routes: (router) =>
      router.service(
        LocalService,
        undoMethods({ mask: () => {}, undoing: rig.undoing, closing: new AbortController().signal }),
      ),
    log: silentLogger,
    faults: new RequestFaults(silentLogger),
  });
  onTestFinished(async () => {
    await server.close(0);
    await rig.close();
  });
  return { dir, home, text: (name: string) => readFileSync(join(dir, `docs/${name}.md`), 'utf8') };
}

/** What it printed, and its exit code or what it threw. */
async function undo(home: string, ...words: string[]) {
  const said = { out: '', err: '', exit: 0, failed: '' };
  const stream = (name: 'out' | 'err') => ({
    isTTY: false,
    write: (text: string) => {
      said[name] += text;
      return true;
    },
  });
  const io = {
    env: {},
    cwd: home,
    stdin: Readable.from([]),
    stdout: stream('out'),
    stderr: stream('err'),
    onInterrupt: () => () => {},
    exit: (code: number) => {
      said.exit = code;
    },
  };
  const program = new Command('bowline').option('--home <folder>').exitOverride();
  program.addCommand(undoVerb(io as never));
  await program.parseAsync(['--home', home, 'undo', ...words], { from: 'user' }).catch((error: Error) => {
    said.failed = error.message;
  });
  return said;
}

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
