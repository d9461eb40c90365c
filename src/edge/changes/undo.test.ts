// Undo restores what changes replaced, newest first; what changed since stays, and is said; a kill at any moment leaves nothing half done.
import {
  chmodSync,
  existsSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import type { DescMethod, MessageInitShape } from '@bufbuild/protobuf';
import { expect, test } from 'vitest';
import { FsService, WriteMode } from '../../../gen/bowline/capability/fs/v1/fs_pb.ts';
import { UndoState, type UndoStep } from '../../../gen/bowline/local/v1/local_pb.ts';
import { type EdgeRig, edgeFolder, edgeRig } from '../../../test/support/edge-rig.ts';
import { reasonOf } from '../../../test/support/prepared-change.ts';
import { AppError } from '../../base/errors.ts';
import type { KeptContent } from '../tools/kept-content.ts';
import { changesToUndo, Undoing } from './undo.ts';

const { write, edit, move, makeFolder } = FsService.method;
const remove = FsService.method.delete;
const { REPLACE, APPEND } = WriteMode;
const CONFIG = 'allow:\n  write: [{path: DIR/docs, confirm: never}]\n';
const signal = new AbortController().signal;

const start = (dir: string, more = '') => edgeRig(dir, { config: CONFIG + more });
const states = (steps: readonly UndoStep[]) => steps.map(({ state }) => NAMES.get(state));
const NAMES = new Map<number, string>(Object.entries(UndoState).map(([name, value]) => [value, name]));

/** Everything below a folder: names, content and permissions. */
function seen(dir: string): Record<string, string> {
  const all = readdirSync(dir, { recursive: true, withFileTypes: true }).map((entry) =>
    join(entry.parentPath, entry.name),
  );
  return Object.fromEntries(
    all.sort().map((path) => {
      const stat = statSync(path);
      return [
        path.slice(dir.length),
        `${(stat.mode & 0o777).toString(8)} ${stat.isFile() ? readFileSync(path, 'hex') : ''}`,
      ];
    }),
  );
}

const FILES = {
  'docs/a.md': 'eins\n',
  'docs/log.txt': 'first\n',
  'docs/bin': Buffer.from([0, 255, 1]),
  'docs/empty.md': '',
  'docs/old/gone.md': '文\n',
  'docs/move.md': 'm',
};

/** Ten mixed changes of one run. */
async function tenChanges(rig: EdgeRig) {
  const { run } = await rig.ask('tidy', ['docs/a.md']);
  const call = async <D extends DescMethod>(method: D, request: MessageInitShape<D['input']>) => {
    expect((await rig.call(method, request, { run })).failure).toBeUndefined();
  };
  await call(edit, { path: 'docs/a.md', edits: [{ oldText: 'eins', newText: 'zwei' }] });
  await call(write, { path: 'docs/a.md', text: 'drei\n', mode: REPLACE });
  await call(write, { path: 'docs/log.txt', text: 'second\n', mode: APPEND });
  await call(write, { path: 'docs/bin', text: 'text', mode: REPLACE });
  await call(write, { path: 'docs/empty.md', text: 'full', mode: REPLACE });
  await call(makeFolder, { path: 'docs/new' });
  await call(write, { path: 'docs/new/x.md', text: 'x' });
  await call(move, { path: 'docs/move.md', toPath: 'docs/new/moved.md' });
  await call(remove, { path: 'docs/old/gone.md' });
  await call(remove, { path: 'docs/old' });
  return run;
}

test('ten mixed changes of a run are shown, taken back, and the undo is taken back too', async () => {
  const dir = edgeFolder(FILES);
  chmodSync(join(dir, 'docs/bin'), 0o640);
  const before = seen(join(dir, 'docs'));
  const rig = await start(dir);
  const run = await tenChanges(rig);
  const after = seen(join(dir, 'docs'));
  const preview = await rig.undoing.preview(run.slice(0, 8), signal);
  expect(preview.run).toBe(run);
  expect(states(preview.steps)).toEqual(Array(10).fill('POSSIBLE'));
  expect(preview.steps.map(({ effect }) => effect?.path)).toEqual([
    'docs/old',
    'docs/old/gone.md',
    'docs/new/moved.md',
    'docs/new/x.md',
    'docs/new',
    'docs/empty.md',
    'docs/bin',
    'docs/log.txt',
    'docs/a.md',
    'docs/a.md',
  ]);
  expect(preview.steps.at(-1)?.effect?.diff).toBe('@@ -1,1 +1,1 @@\n-zwei\n+eins\n');
  expect(preview.steps.at(-3)?.effect?.diff).toBe('@@ -1,2 +1,1 @@\n first\n-second\n');
  expect(seen(join(dir, 'docs'))).toEqual(after);
  const { id, steps } = await rig.undoing.undo(run, [], signal);
  expect(states(steps)).toEqual(Array(10).fill('DONE'));
  expect(seen(join(dir, 'docs'))).toEqual(before);
  expect(states((await rig.undoing.undo(run, [], signal)).steps)).toEqual(Array(10).fill('NOTHING_TO_DO'));
  expect(states((await rig.undoing.undo(id, [], signal)).steps)).toEqual(Array(10).fill('DONE'));
  expect(seen(join(dir, 'docs'))).toEqual(after);
  await rig.close();
});

test('what stands there and is larger than anything that the change knew is not read', async () => {
  const dir = edgeFolder(FILES);
  const rig = await start(dir);
  const run = await tenChanges(rig);
  truncateSync(join(dir, 'docs/log.txt'), 2 ** 40);
  const { steps } = await rig.undoing.preview(run, signal);
  expect(states(steps)).toEqual([...Array(7).fill('POSSIBLE'), 'CHANGED_SINCE', 'POSSIBLE', 'POSSIBLE']);
  await rig.close();
});

test('after an outside change of one, the others are restored, and why not is said; so also after a restart', async () => {
  const dir = edgeFolder(FILES);
  const first = await start(dir);
  const run = await tenChanges(first);
  await first.close();
  writeFileSync(join(dir, 'docs/log.txt'), 'someone wrote this');
  const rig = await start(dir);
  const { steps } = await rig.undoing.undo(run, [], signal);
  expect(states(steps)).toEqual([...Array(7).fill('DONE'), 'CHANGED_SINCE', 'DONE', 'DONE']);
  expect(readFileSync(join(dir, 'docs/log.txt'), 'utf8')).toBe('someone wrote this');
  expect(readFileSync(join(dir, 'docs/a.md'), 'utf8')).toBe('eins\n');
  await rig.close();
});

test('what changed last and since keeps what came before it on the same file; one change alone can be taken back', async () => {
  const rig = await start(edgeFolder({ 'docs/a.md': '1' }));
  const path = 'docs/a.md';
  const file = join(rig.dir, path);
  const run = 'f0000000-0000-4000-8000-000000000000';
  for (const [at, text] of ['2', '3'].entries())
    await rig.call(write, { path, text, mode: REPLACE }, { run, job: `${run}/${at}/0` });
  writeFileSync(file, '2');
  expect(states((await rig.undoing.undo(run, [], signal)).steps)).toEqual(['NOTHING_TO_DO', 'DONE']);
  expect(readFileSync(file, 'utf8')).toBe('1');
  writeFileSync(file, 'other');
  expect(states((await rig.undoing.undo(run, [], signal)).steps)).toEqual(['CHANGED_SINCE', 'CHANGED_SINCE']);
  writeFileSync(file, '3');
  expect(states((await rig.undoing.undo(`${run}/1/0`, [], signal)).steps)).toEqual(['DONE']);
  expect(readFileSync(file, 'utf8')).toBe('2');
  const other = 'f0000000-0000-4000-8000-000000000009';
  await rig.call(write, { path, text: 'x', mode: REPLACE }, { run: other });
  chmodSync(file, 0o600);
  expect(states((await rig.undoing.preview(other, signal)).steps)).toEqual(['CHANGED_SINCE']);
  await expect(rig.undoing.preview('none', signal)).rejects.toMatchObject({ reason: 'CHANGES_UNKNOWN' });
  await rig.close();
});

test('a new folder that holds something of another stays', async () => {
  const rig = await start(edgeFolder({ 'docs/a.md': '1' }));
  const run = 'f0000000-0000-4000-8000-000000000001';
  await rig.call(makeFolder, { path: 'docs/new' }, { run });
  writeFileSync(join(rig.dir, 'docs/new/mine'), '');
  const { steps, id } = await rig.undoing.undo(run, [], signal);
  expect([states(steps), id, existsSync(join(rig.dir, 'docs/new/mine'))]).toEqual([['CHANGED_SINCE'], '', true]);
  await rig.close();
});

test('the bytes kept are bounded: the oldest go, a change that replaces more is refused, and with 0 nothing is kept', async () => {
  const files = { 'docs/a': 'a'.repeat(600), 'docs/b': 'b'.repeat(600), 'docs/c': 'c'.repeat(1001) };
  const dir = edgeFolder(files);
  const rig = await start(dir, 'limits: {changes_bytes: 1000}\n');
  const changed = (name: string, run: string) =>
    rig.call(write, { path: `docs/${name}`, text: 'new', mode: REPLACE }, { run });
  const [a, b, c] = ['a', 'b', 'c'].map((name) => `${name}0000000-0000-4000-8000-000000000000`);
  expect((await changed('a', a!)).failure).toBeUndefined();
  expect((await changed('b', b!)).failure).toBeUndefined();
  expect((await changed('c', c!)).failure).toBe('LIMIT_EXCEEDED');
  expect(readFileSync(join(dir, 'docs/c'), 'utf8')).toBe(files['docs/c']);
  expect(rig.keptBlobs.bytes).toBe(600);
  await expect(rig.undoing.preview(a!, signal)).rejects.toMatchObject({ reason: 'CHANGES_UNKNOWN' });
  await rig.close();
  const again = await start(dir, 'limits: {changes_bytes: 1000}\n');
  expect(states((await again.undoing.preview(a!, signal)).steps)).toEqual(['NOT_KEPT']);
  expect(states((await again.undoing.undo(b!, [], signal)).steps)).toEqual(['DONE']);
  await again.close();
  const off = await start(dir, 'limits: {changes_bytes: 0}\n');
  expect((await off.call(write, { path: 'docs/c', text: 'new', mode: REPLACE }, { run: c! })).failure).toBeUndefined();
  expect(states((await off.undoing.preview(c!, signal)).steps)).toEqual(['NOT_KEPT']);
  await off.close();
});

test('what was kept survives the pruning of the journal, and goes when it is too old', async () => {
  const dir = edgeFolder({ 'docs/a.md': 'before' });
  const rig = await start(dir);
  const run = 'f0000000-0000-4000-8000-000000000002';
  await rig.call(write, { path: 'docs/a.md', text: 'after', mode: REPLACE }, { run });
  const [kept] = rig.journal.changes.list();
  expect(rig.journal.changes.upTo(kept!.sequence)).toMatchObject([{ run, sequence: BigInt(kept!.sequence) }]);
  rig.journal.changes.apply({
    sequence: 99,
    at: 0,
    record: { case: 'checkpoint', value: { changes: rig.journal.changes.upTo(99) } as never },
  });
  expect(rig.journal.changes.list()).toHaveLength(1);
  await rig.close();
  const later = await start(dir, 'limits: {changes_days: 1}\n');
  expect(later.journal.changes.list()).toHaveLength(1);
  expect(states((await later.undoing.undo(run, [], signal)).steps)).toEqual(['DONE']);
  expect(readFileSync(join(dir, 'docs/a.md'), 'utf8')).toBe('before');
  await later.close();
});

test('killed before or after what an undo writes down, it is done again and ends the same; nothing is restored over what came since', async () => {
  for (const moment of ['before it is written down', 'after it is written down'] as const) {
    const dir = edgeFolder(FILES);
    const before = seen(join(dir, 'docs'));
    const rig = await start(dir);
    const run = await tenChanges(rig);
    for (let at = 0; at < 10; at++) {
      let left = at;
      const killed = {
        temporaries: rig.changes.temporaries,
        inLine: rig.changes.inLine.bind(rig.changes),
        keepUndo: async (...words: Parameters<typeof rig.changes.keepUndo>) => {
          const [call, effect, content, undoes] = words;
          const dies = left-- === 0;
          if (dies && moment.startsWith('before')) throw new AppError('CLOSED', { what: 'this test' });
          await rig.changes.keepUndo(call, effect, content as KeptContent | undefined, undoes);
          if (dies) throw new AppError('CLOSED', { what: 'this test' });
        },
      };
      const { book, allow, blobs, log } = rig.undoParts;
      await new Undoing({ book, allow, blobs, log, changes: killed }).undo(run, [], signal);
    }
    const { steps } = await rig.undoing.undo(run, [], signal);
    expect(states(steps).every((state) => state === 'DONE' || state === 'NOTHING_TO_DO')).toBe(true);
    expect(seen(join(dir, 'docs'))).toEqual(before);
    await rig.close();
  }
});

test('a target is a run, its beginning or end, or a job; one that fits several is refused', async () => {
  const rig = await start(edgeFolder({ 'docs/a.md': '' }));
  for (const [at, run] of ['abcd0000-1', 'abcd0000-2'].entries())
    await rig.call(write, { path: 'docs/a.md', text: `${at}`, mode: APPEND }, { run, job: `${run}/0/0` });
  const target = (text: string) => {
    try {
      return changesToUndo(rig.journal.changes, text).run;
    } catch (error) {
      return reasonOf(error);
    }
  };
  expect(['abcd0000-1', '0000-1', 'abcd0000-2/0/0', 'abcd', 'x'].map(target)).toEqual([
    'abcd0000-1',
    'abcd0000-1',
    'abcd0000-2',
    'CHANGES_AMBIGUOUS',
    'CHANGES_UNKNOWN',
  ]);
  rmSync(join(rig.dir, 'docs'), { recursive: true });
  expect(states((await rig.undoing.undo('abcd0000-1', [], signal)).steps)).toEqual(['CHANGED_SINCE']);
  await rig.close();
});
