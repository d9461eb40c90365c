// Random calls, answers, cancels, times, edits of files and of config.yaml, crashes at any write of the journal and starts: nothing
// happens without a yes that holds, what happens is what was shown, and no answer is lost or asked for twice. APPROVAL_RUNS plays more, APPROVAL_SEED others.
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { WriteMode } from '../../../gen/bowline/capability/fs/v1/fs_pb.ts';
import { ApprovalPlay, type Op } from '../../../test/support/approval-play.ts';
import { edgeFolder } from '../../../test/support/edge-rig.ts';

const RUNS = Number(process.env.APPROVAL_RUNS ?? 20);
const SEED = Number(process.env.APPROVAL_SEED ?? 11);

const pick = fc.nat(1000);
const run = fc.nat(2);
const target = fc.constantFrom('a.txt', 'a.txt', 'b.txt', 'c.txt');
const of = <K extends Op['op']>(
  op: K,
  fields: { [F in Exclude<keyof Extract<Op, { op: K }>, 'op'>]: fc.Arbitrary<Extract<Op, { op: K }>[F]> },
) => fc.record({ op: fc.constant(op), ...fields }) as unknown as fc.Arbitrary<Op>;

const write = of('write', {
  run,
  target,
  mode: fc.constantFrom(WriteMode.REPLACE, WriteMode.APPEND, WriteMode.APPEND, WriteMode.CREATE),
  strict: fc.constantFrom('no', 'no', 'no', 'taint', 'always', 'unknown'),
});
const answer = of('answer', {
  pick,
  count: fc.constantFrom(1, 1, 2, 3),
  allow: fc.constantFrom(true, true, false),
  run: fc.constantFrom(false, false, true),
  wrong: fc.constantFrom('no', 'no', 'no', 'no', 'digest', 'id', 'other'),
});
const op: fc.Arbitrary<Op> = fc.oneof(
  { weight: 8, arbitrary: write },
  { weight: 1, arbitrary: of('command', { run, strict: fc.constant('no') }) },
  { weight: 3, arbitrary: of('again', { pick, how: fc.constantFrom('same', 'same', 'text', 'run') }) },
  { weight: 8, arbitrary: answer },
  {
    weight: 5,
    arbitrary: of('grant', { pick, uses: fc.constantFrom(1, 2, 20), hours: fc.constantFrom(1, 48, 48) }),
  },
  { weight: 1, arbitrary: of('revoke', { pick }) },
  { weight: 1, arbitrary: of('repeat', { pick, allow: fc.boolean() }) },
  { weight: 2, arbitrary: of('cancel', { pick }) },
  { weight: 1, arbitrary: of('cancelRun', { run }) },
  { weight: 1, arbitrary: of('time', { hours: fc.constantFrom(1, 12, 25) }) },
  { weight: 3, arbitrary: of('edit', { target }) },
  { weight: 1, arbitrary: of('settled', { pick }) },
  {
    weight: 2,
    arbitrary: of('crash', {
      after: fc.nat(6),
      lose: fc.option(fc.array(fc.boolean(), { minLength: 1, maxLength: 9 }), { nil: undefined }),
    }),
  },
  { weight: 1, arbitrary: of('die', { when: fc.constantFrom('before', 'after') }) },
  { weight: 2, arbitrary: of('restart', { config: fc.nat(2) }) },
);
const steps = fc.array(
  fc.oneof(
    { weight: 3, arbitrary: op.map((one) => [one]) },
    { weight: 1, arbitrary: fc.array(op, { minLength: 2, maxLength: 4 }) },
  ),
  { minLength: 1, maxLength: 40, size: 'max' },
);

test(`nothing runs without a yes that holds, whatever comes in which order (seed ${SEED})`, async () => {
  const seen = { asked: 0, done: 0, changed: 0, covered: 0, granted: 0 };
  await fc.assert(
    fc.asyncProperty(steps, async (all) => {
      const play = new ApprovalPlay(edgeFolder());
      await play.play(all);
      for (const name of Object.keys(seen) as (keyof typeof seen)[]) seen[name] += play.truth.seen[name];
      expect(play.truth.wrong).toEqual([]);
    }),
    { numRuns: RUNS, seed: SEED, endOnFailure: process.env.APPROVAL_SHRINK === undefined },
  );
  if (process.env.APPROVAL_SEEN) console.log(JSON.stringify(seen));
  expect(seen.asked).toBeGreaterThan(RUNS);
  expect(seen.done).toBeGreaterThan(RUNS / 2);
  expect(seen.granted).toBeGreaterThan(0);
}, 600_000);
