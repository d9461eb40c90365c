// A yes to a command that was tried, whose box is killed before, in and after its commit: what the run is told is what lies on the disk.
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeEach, expect, test, vi } from 'vitest';
import { ShellService } from '../../../../../gen/bowline/capability/shell/v1/shell_pb.ts';
import { edgeRig } from '../../../../../test/support/edge-rig.ts';
import { answer, pendingOf, reasonOf, sessionOf } from '../../../../../test/support/held-calls.ts';
import { isolation, problem, start } from '../../../../../test/support/preview-rig.ts';
import { StepEnded } from './commit-plan.ts';

beforeEach((context) => {
  if (problem !== '') context.skip(problem);
});

/** A previewed command that gets its yes and is killed there; then another start. @param at a step; or before or after the commit */
async function killed(at: string, meddle?: (work: string) => void) {
  const { dir, work, rig, config, close } = await start('echo three >> a.txt; echo 新 > 新.txt');
  const request = { argv: ['sh', join(dir, 'run.sh')] };
  const { store } = rig.parts.preview;
  const commit = store.commit.bind(store);
  // What the first start is at hangs until the second has ended.
  const end = Promise.withResolvers<never>();
  let dead = false;
  const die = () => {
    dead = true;
    return end.promise;
  };
  store.commit = async (effect, keep) => {
    if (at === 'before') return die();
    const step = (name: string) => {
      if (name === at) throw new StepEnded();
    };
    await commit(effect, keep, step).catch(die);
    return die();
  };
  await sessionOf(rig).send(ShellService.method.run, request, { run: 'r', key: 'k' });
  await answer(rig, true);
  await vi.waitFor(() => expect(dead).toBe(true), { timeout: 10_000 });
  meddle?.(work);
  const again = await edgeRig(dir, { config, isolation: async () => isolation });
  await again.runner.recover();
  const session = sessionOf(again);
  const known = again.journal.calls.get('k')?.state ?? 'free';
  await session.send(ShellService.method.run, request, { run: 'r', key: 'k', epoch: 2n });
  const told = () => session.results.map(reasonOf).join() || (pendingOf(again).length > 0 ? 'asked' : '');
  await vi.waitFor(() => expect(told()).not.toBe(''), { timeout: 10_000 });
  const read = (name: string) => (existsSync(join(work, name)) ? readFileSync(join(work, name), 'utf8') : '');
  const files = () => [read('a.txt'), read('新.txt')];
  const found = { known, told: told(), files: files() };
  // What is on the disk can be taken back, however often it was begun.
  if (!meddle) {
    await again.undoing.undo('r', [], new AbortController().signal);
    expect([at, files()]).toEqual([at, ['one\ntwo\n', '']]);
  }
  await again.close();
  end.reject(new StepEnded());
  await close();
  return found;
}

const DONE = ['one\ntwo\nthree\n', '新\n'];

test('killed before its first change it is done under the same yes; in the middle it is finished, and told as done', async () => {
  const undone = { known: 'free', told: 'done', files: DONE };
  expect([await killed('before'), await killed('begin')]).toEqual([undone, undone]);
  expect(await killed('moved')).toEqual({ known: 'done', told: 'RESULT_DROPPED', files: DONE });
  // The plan is gone by then: only its answer could tell.
  expect(await killed('after')).toEqual({ known: 'unknown', told: 'OUTCOME_UNKNOWN', files: DONE });
}, 60_000);

test('where a file changed since, it is taken back and asked anew; where that cannot be told apart it is unknown', async () => {
  const meddle = (work: string) => writeFileSync(join(work, 'a.txt'), '我的\n');
  const files = ['我的\n', ''];
  expect(await killed('mark 0', meddle)).toEqual({ known: 'free', told: 'asked', files });
  // It may have been this commit that had changed the file.
  expect(await killed('change 0', meddle)).toEqual({ known: 'unknown', told: 'OUTCOME_UNKNOWN', files });
}, 30_000);
