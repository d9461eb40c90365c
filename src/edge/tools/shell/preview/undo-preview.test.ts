// What a command changed after a yes is taken back like any other change of the run: files, folders, links and permissions, in a real overlay.
import {
  chmodSync,
  chownSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { create } from '@bufbuild/protobuf';
import { beforeEach, expect, onTestFinished, test } from 'vitest';
import type { CommandEffect } from '../../../../../gen/bowline/approval/v1/approval_pb.ts';
import { FsService, WriteMode } from '../../../../../gen/bowline/capability/fs/v1/fs_pb.ts';
import { RunRequestSchema } from '../../../../../gen/bowline/capability/shell/v1/shell_pb.ts';
import { UndoState, type UndoStep } from '../../../../../gen/bowline/local/v1/local_pb.ts';
import { edgeFolder, edgeRig } from '../../../../../test/support/edge-rig.ts';
import { Origins } from '../../../egress/origins.ts';
import type { KeptContent } from '../../kept-content.ts';
import { findBubblewrapIsolation } from '../isolation.ts';
import { OwnUsers } from '../own-users.ts';
import { runTool } from '../run.ts';
import { StepEnded } from './commit-plan.ts';
import { findPreviewProblem } from './find-preview.ts';
import { Previews } from './previews.ts';

const root = process.getuid?.() === 0;
const OWNER = 61_235;
const isolation = await findBubblewrapIsolation(root ? new OwnUsers(60_700 + (process.pid % 90)) : undefined);
const problem = await findPreviewProblem(isolation);
const { signal } = new AbortController();
const RUN = 'f0000000-0000-4000-8000-000000000007';

beforeEach((context) => {
  if (problem !== '') context.skip(problem);
});

const FILES = {
  'work/a.txt': 'one\ntwo\n',
  'work/你好.txt': '旧\n',
  'work/gone.txt': 'away\n',
  'work/empty': '',
  'work/old/x.txt': 'x\n',
  'work/old/deep/y.txt': 'y\n',
  'work/kept.txt': 'kept\n',
  'work/was-a-folder/in.txt': 'in\n',
  'work/was-a-file': 'file\n',
};

const MIXED = `echo three >> a.txt; echo 新 > 你好.txt; rm gone.txt empty link out; rm -r old; mkdir old; echo z > old/z.txt; chmod 600 kept.txt
mkdir new; echo made > new/made.txt; chmod 755 new/made.txt; ln -s made.txt new/link; rm turned; ln -s new turned
rm -r was-a-folder; echo now > was-a-folder; rm was-a-file; mkdir was-a-file; echo in > was-a-file/in; chmod 700 shut; mv moves old/moved`;

async function start(script: string, limits = '') {
  const dir = edgeFolder(FILES);
  chmodSync(dir, 0o755);
  const work = join(dir, 'work');
  for (const [name, to] of [
    ['link', 'a.txt'],
    ['out', '/etc/passwd'],
    ['turned', 'a.txt'],
  ] as const)
    symlinkSync(to, join(work, name));
  mkdirSync(join(work, 'shut'));
  writeFileSync(join(work, 'moves'), 'm\n');
  chmodSync(join(work, 'gone.txt'), 0o640);
  chmodSync(join(work, 'old/deep'), 0o711);
  if (root) for (const path of ['', ...readdirSync(work, { recursive: true })]) lchown(join(work, String(path)));
  writeFileSync(join(dir, 'run.sh'), `cd ${work}\n${script}`);
  const execute = `{argv: [sh, ${dir}/run.sh], cwd: ${dir}/docs, writes: [${work}], preview: true, confirm: always, output: share}`;
  const config = `allow:\n  write: [{path: DIR/work, confirm: never}]\n  execute:\n    - ${execute}\n${limits}`;
  const rig = await edgeRig(dir, { config, isolation: async () => isolation });
  onTestFinished(() => rig.close());
  const call = {
    run: RUN,
    job: `${RUN}/0/0`,
    key: 'k',
    callDigest: '',
    recipient: '',
    deadlineMs: undefined,
    signal,
    origins: new Origins(),
  };
  const { change, work: act } = runTool(rig.parts).prepare(
    create(RunRequestSchema, { argv: ['sh', `${dir}/run.sh`] }),
    call,
  );
  const shown = await change!.show();
  const show = async () => (await change!.show()).effect.value as CommandEffect;
  const commit = () => act(async () => {}, shown);
  return { dir, work, rig, effect: shown.effect.value as CommandEffect, show, commit };
}

const lchown = (path: string) => (lstatSync(path).isSymbolicLink() ? undefined : chownSync(path, OWNER, OWNER));

/** Names, permissions, owners and what they hold. */
function tree(dir: string): string[] {
  const paths = readdirSync(dir, { recursive: true }).map((path) => String(path));
  return paths.sort().map((path) => {
    const { mode, uid } = lstatSync(join(dir, path));
    const is = lstatSync(join(dir, path));
    const held = is.isFile()
      ? readFileSync(join(dir, path), 'base64')
      : is.isSymbolicLink()
        ? readlinkSync(join(dir, path))
        : '';
    return `${path} ${mode.toString(8)} ${is.isSymbolicLink() ? '' : uid} ${held}`;
  });
}

const NAMES = new Map<number, string>(Object.entries(UndoState).map(([name, value]) => [Number(value), name]));
const states = (steps: readonly UndoStep[]) =>
  steps.map(({ state, effect }) => `${NAMES.get(state)} ${effect?.path.replace(/^work\//, '')}`);
const all = (steps: readonly UndoStep[]) => [...new Set(steps.map(({ state }) => NAMES.get(state)))];

test('what a command rewrote, deleted, made and moved is taken back, and the undo is taken back too', async () => {
  const { work, rig, effect, commit } = await start(MIXED);
  const before = tree(work);
  expect(effect.preview?.notUndone).toBe('');
  await commit();
  const after = tree(work);
  const preview = await rig.undoing.preview(RUN, signal);
  expect(all(preview.steps)).toEqual(['POSSIBLE']);
  expect(preview.steps).toHaveLength(effect.preview!.changes.length);
  expect(preview.steps.find(({ effect }) => effect?.path === 'work/a.txt')?.effect?.diff).toBe(
    '@@ -1,3 +1,2 @@\n one\n two\n-three\n',
  );
  expect(tree(work)).toEqual(after);
  const { id, steps } = await rig.undoing.undo(RUN, [], signal);
  expect(all(steps), String(states(steps))).toEqual(['DONE']);
  expect(tree(work)).toEqual(before);
  expect(all((await rig.undoing.undo(RUN, [], signal)).steps)).toEqual(['NOTHING_TO_DO']);
  expect(all((await rig.undoing.undo(id, [], signal)).steps)).toEqual(['DONE']);
  expect(tree(work)).toEqual(after);
}, 30_000);

test('mixed with other changes of the run the later ones go first; what changed since stays, and the rest of the command is taken back', async () => {
  const { work, rig, commit, effect } = await start('echo three >> a.txt; echo n > n.txt; rm gone.txt');
  const { write, move } = FsService.method;
  const call = async (...[method, request]: Parameters<typeof rig.call>) =>
    expect((await rig.call(method, request, { run: RUN })).failure).toBeUndefined();
  const before = tree(work);
  await commit();
  await call(write, { path: 'work/gone.txt', text: 'again', mode: WriteMode.CREATE });
  await call(write, { path: 'work/a.txt', text: '三', mode: WriteMode.REPLACE });
  await call(move, { path: 'work/n.txt', toPath: 'work/old/n.txt' });
  await call(write, { path: 'work/old/n.txt', text: 'more\n', mode: WriteMode.APPEND });
  expect(all((await rig.undoing.preview(RUN, signal)).steps)).toEqual(['POSSIBLE']);
  writeFileSync(join(work, 'a.txt'), 'someone wrote this');
  const { steps } = await rig.undoing.undo(RUN, [], signal);
  const stayed = states(steps).filter((line) => !line.startsWith('DONE'));
  expect(stayed).toEqual(['CHANGED_SINCE a.txt', 'CHANGED_SINCE a.txt']);
  expect(steps).toHaveLength(4 + effect.preview!.changes.length);
  expect(readFileSync(join(work, 'a.txt'), 'utf8')).toBe('someone wrote this');
  const others = (lines: readonly string[]) => lines.filter((line) => !line.startsWith('a.txt'));
  expect(others(tree(work))).toEqual(others(before));
}, 30_000);

test('what is more than is kept is said before the yes and by undo; what the command made goes nevertheless', async () => {
  const { work, rig, commit, effect } = await start(
    'rm a.txt; echo four >> gone.txt; echo n > n.txt',
    'limits: {changes_bytes: 10}\n',
  );
  expect(effect.preview?.notUndone).toBe('it replaces 13 bytes, and limits.changes_bytes keeps 10');
  await commit();
  const { steps } = await rig.undoing.undo(RUN, [], signal);
  expect(states(steps).sort()).toEqual(['DONE gone.txt', 'DONE n.txt', 'NOT_KEPT a.txt']);
  expect(readFileSync(join(work, 'gone.txt'), 'utf8')).toBe('away\n');
}, 30_000);

test('a commit that was taken back, or ended anywhere, leaves nothing to undo but what it did', async () => {
  const { dir, work, rig, effect, show } = await start(MIXED);
  const before = tree(work);
  const keep = (replaced: readonly (KeptContent | undefined)[]) =>
    rig.parts.changes.keepAll(
      { run: RUN, job: `${RUN}/0/0`, key: 'k' },
      effect.preview!.changes.map((change, n) => ({ effect: change, content: replaced[n] })),
    );
  const full = (name: string) => {
    if (name === 'change 9') throw Object.assign(new Error('no space left on device'), { code: 'ENOSPC' });
  };
  await expect(rig.parts.preview.store.commit(effect, keep, full)).rejects.toMatchObject({ reason: 'DISK_FULL' });
  expect(tree(work)).toEqual(before);
  expect(all((await rig.undoing.undo(RUN, [], signal)).steps)).toEqual(['NOTHING_TO_DO']);
  const killed = (name: string) => {
    if (name === 'change 12') throw new StepEnded();
  };
  await expect(rig.parts.preview.store.commit(await show(), keep, killed)).rejects.toBeInstanceOf(StepEnded);
  expect(tree(work)).not.toEqual(before);
  const { steps } = await rig.undoing.undo(RUN, [], signal);
  expect(all(steps).sort(), String(states(steps))).toEqual(['DONE', 'NOTHING_TO_DO']);
  expect(tree(work)).toEqual(before);
  // The next start would have gone on with what was cut off; here it was undone first.
  rmSync(join(dir, 'home/previews'), { recursive: true });
  let whole = 0;
  await rig.parts.preview.store.commit(await show(), keep, () => whole++);
  await rig.undoing.undo(RUN, [], signal);
  const third = Math.floor(whole / 3);
  const seed = Math.floor(Math.random() * third);
  for (const at of [seed, seed + third, seed + 2 * third]) {
    let step = 0;
    const end = () => {
      if (step++ === at) throw new StepEnded();
    };
    const ended = rig.parts.preview.store.commit(await show(), keep, end);
    await expect(ended, `step ${at}`).rejects.toBeInstanceOf(StepEnded);
    const { unclear } = await new Previews(join(dir, 'home/previews'), 1 << 26).recover([]);
    const undone = await rig.undoing.undo(RUN, [], signal);
    const stayed = all(undone.steps).filter((state) => state !== 'DONE' && state !== 'NOTHING_TO_DO');
    expect([at, unclear, stayed, tree(work)]).toEqual([at, 0, [], before]);
  }
}, 60_000);
