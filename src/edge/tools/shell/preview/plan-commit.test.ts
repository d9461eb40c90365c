// Commits of plans that find no room, or are killed, at each step, and in their recovery again: all is done or nothing, and nothing is left over.
import {
  chmodSync,
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { create } from '@bufbuild/protobuf';
import { expect, onTestFinished, test } from 'vitest';
import { CommandEffectSchema, EffectSchema } from '../../../../../gen/bowline/approval/v1/approval_pb.ts';
import { type StepAt, StepEnded } from './commit-plan.ts';
import { stateAt } from './folder-place.ts';
import { type PlannedChange, stateToCome } from './planned-change.ts';
import { Previews } from './previews.ts';

const EFFECT = create(CommandEffectSchema, { argv: ['改'] });
/** The call that began under a yes to it. */
const CALL = {
  approval: { effect: create(EffectSchema, { effect: { case: 'command', value: EFFECT } }) },
  key: 'k',
  used: true,
};

function tree(dir: string, below = ''): string[] {
  return readdirSync(join(dir, below)).flatMap((name) => {
    const path = join(below, name);
    const stat = lstatSync(join(dir, path));
    if (stat.isSymbolicLink()) return [`${path} ${readlinkSync(join(dir, path))}`];
    const mode = (stat.mode & 0o777).toString(8);
    if (stat.isDirectory()) return [`${path} ${mode}`, ...tree(dir, path)];
    return [`${path} ${mode} ${stat.nlink} ${readFileSync(join(dir, path), 'utf8')}`];
  });
}

function make(dir: string, after: boolean): void {
  mkdirSync(dir);
  writeFileSync(join(dir, 'a.txt'), after ? 'one\ntwo\n' : 'one\n', { mode: 0o640 });
  if (after) {
    writeFileSync(join(dir, 'old'), 'a file now\n');
    mkdirSync(join(dir, '新'));
    chmodSync(join(dir, '新'), 0o700);
    writeFileSync(join(dir, '新/b.txt'), 'b\n');
  } else {
    mkdirSync(join(dir, 'old'));
    writeFileSync(join(dir, 'old/x.txt'), 'x\n');
  }
}

/** A folder with a kept plan that makes it like another. */
async function start() {
  const dir = mkdtempSync(join(tmpdir(), 'plan-commit-'));
  const [work, to, kept] = [join(dir, 'work'), join(dir, 'to'), join(dir, 'kept')];
  make(work, false);
  make(to, true);
  const before = async (path: string) => ({ path, folder: 0, before: (await stateAt(join(work, path), 99))! });
  const after = async (path: string) => ({ path, folder: 0, after: stateToCome((await stateAt(join(to, path), 99))!) });
  const changes: PlannedChange[] = [
    { ...(await before('a.txt')), ...(await after('a.txt')) },
    await before('old/x.txt'),
    await before('old'),
    await after('old'),
    await after('新'),
    await after('新/b.txt'),
  ];
  const previews = new Previews(kept, 1 << 20);
  const draft = await previews.draft();
  for (const change of changes) await draft.keep(change, join(to, change.path));
  const { dev, ino } = lstatSync(work, { bigint: true });
  const tried = { code: 0, signal: '', truncated: false, elapsedMs: 1, output: [] };
  await draft.finish(EFFECT, {
    folders: [{ path: work, device: `${dev}`, inode: `${ino}`, inside: {} }],
    changes,
    tried,
  });
  const clean = () => rmSync(dir, { recursive: true, force: true });
  onTestFinished(clean);
  return { work, kept, clean, previews, none: tree(work), all: tree(to) };
}

const keepNone = async () => {};
const full = () => Object.assign(new Error('no space left on device'), { code: 'ENOSPC' });

/** Throws the first at one step, the second so many steps later. */
function throwing(at: number, first: () => Error, then = Number.POSITIVE_INFINITY): StepAt {
  let n = 0;
  return () => {
    const step = n++;
    if (step === at) throw first();
    if (step === at + then) throw new StepEnded();
  };
}

const ended = (act: Promise<unknown>) =>
  act.then(
    () => 'done',
    (error: { reason?: string }) => error.reason ?? (error instanceof StepEnded ? 'killed' : String(error)),
  );

async function stepsOfOne(): Promise<string[]> {
  const { work, kept, previews, all } = await start();
  const steps: string[] = [];
  await previews.commit(EFFECT, keepNone, (name) => steps.push(name));
  expect(tree(work)).toEqual(all);
  expect(readdirSync(kept)).toEqual([]);
  return steps;
}

test('no room at any step: nothing is changed, the yes stays good or what changed is seen', async () => {
  const steps = await stepsOfOne();
  expect(steps).toContain('mark 5');
  for (const at of steps.keys()) {
    const { work, kept, clean, previews, none } = await start();
    expect([steps[at], await ended(previews.commit(EFFECT, keepNone, throwing(at, full)))]).toEqual([
      steps[at],
      'DISK_FULL',
    ]);
    expect([steps[at], tree(work)]).toEqual([steps[at], none]);
    expect(readdirSync(kept)).toHaveLength(1);
    expect(existsSync(join(kept, readdirSync(kept)[0]!, 'progress'))).toBe(false);
    clean();
  }
}, 60_000);

test('killed at any step and in its recovery twice: all is done or nothing, and nothing is left over', async () => {
  const steps = await stepsOfOne();
  for (const at of steps.keys()) {
    for (const later of [at % 3, 4]) {
      const { work, kept, clean, previews, none, all } = await start();
      const where = `${steps[at]} ${later}`;
      expect(
        await ended(
          previews.commit(
            EFFECT,
            keepNone,
            throwing(at, () => new StepEnded()),
          ),
        ),
      ).toBe('killed');
      for (const [first, why] of [[later, () => new StepEnded()] as const, [later + 1, full] as const]) {
        await ended(new Previews(kept, 1 << 20).recover([], throwing(first, why, 1)));
      }
      const { unclear } = await new Previews(kept, 1 << 20).recover([]);
      expect([where, unclear]).toEqual([where, 0]);
      expect([none, all].map(String), where).toContain(String(tree(work)));
      clean();
    }
  }
}, 120_000);

test('killed at any step: the call is told what lies on the disk, and of two calls with one plan nothing', async () => {
  const steps = await stepsOfOne();
  for (const [at, name] of steps.entries()) {
    const { work, kept, clean, previews, none, all } = await start();
    const kill = throwing(at, () => new StepEnded());
    expect(await ended(previews.commit(EFFECT, keepNone, kill))).toBe('killed');
    const waits = { ...CALL, key: 'other', used: false };
    const { ends } = await new Previews(kept, 1 << 20).recover([CALL, waits]);
    const [now, end] = name === 'begin' ? [none, 'undone'] : [all, 'done'];
    expect([name, [...ends], tree(work)]).toEqual([name, [['k', end]], now]);
    clean();
  }
  const { kept, clean } = await start();
  const ends = async (...calls: (typeof CALL)[]) => (await new Previews(kept, 1 << 20).recover(calls)).ends;
  expect([...(await ends({ ...CALL, used: false }))]).toEqual([]);
  expect([...(await ends(CALL, { ...CALL, key: 'l' }))]).toEqual([]);
  expect([...(await ends(CALL))]).toEqual([['k', 'undone']]);
  clean();
}, 60_000);

test('killed on the way back: it goes all the way back', async () => {
  const steps = await stepsOfOne();
  for (const at of steps.keys()) {
    for (const later of [2 + (at % 4)]) {
      const { work, kept, clean, previews, none } = await start();
      const result = await ended(previews.commit(EFFECT, keepNone, throwing(at, full, later)));
      if (result === 'killed') await new Previews(kept, 1 << 20).recover([]);
      expect([steps[at], later, tree(work)]).toEqual([steps[at], later, none]);
      clean();
    }
  }
}, 120_000);

test('what another changed meanwhile is left alone, and the bytes of the commit stay', async () => {
  const { work, kept, previews } = await start();
  const kill = (name: string) => {
    if (name === 'change 3') throw new StepEnded();
  };
  expect(await ended(previews.commit(EFFECT, keepNone, kill))).toBe('killed');
  writeFileSync(join(work, 'a.txt'), '我的\n');
  const seen = tree(work);
  expect(await previews.recover([CALL])).toEqual({ finished: 0, takenBack: 0, unclear: 1, ends: new Map() });
  expect(tree(work)).toEqual(seen);
  await previews.discard(EFFECT);
  expect(readdirSync(kept)).toHaveLength(1);
});

test('the way to a folder leads where it led when the plan was made', async () => {
  const { work, previews, none } = await start();
  const [dir, away] = [dirname(work), `${dirname(work)}-搬`];
  renameSync(dir, away);
  onTestFinished(() => rmSync(away, { recursive: true, force: true }));
  symlinkSync(away, dir);
  expect(await ended(previews.commit(EFFECT, keepNone))).toBe('APPROVAL_CHANGED');
  expect(tree(work)).toEqual(none);
});
