import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fromBinary, toBinary } from '@bufbuild/protobuf';
import { expect, test, vi } from 'vitest';
import { ApprovalSchema, ApprovalScope, ApprovalState } from '../../../gen/bowline/approval/v1/approval_pb.ts';
import { EditResponseSchema, FsService } from '../../../gen/bowline/capability/fs/v1/fs_pb.ts';
import { Confirmation } from '../../../gen/bowline/edge/v1/edge_pb.ts';
import { Taint } from '../../../gen/bowline/policy/v1/options_pb.ts';
import { edgeFolder, edgeRig, type RigOptions } from '../../../test/support/edge-rig.ts';
import { answer, pendingOf, reasonOf, sessionOf } from '../../../test/support/held-calls.ts';
import type { AppError } from '../../base/errors.ts';

const entries = (confirm: string, ...names: string[]) =>
  names.map((name) => `{path: DIR/docs/${name}, confirm: ${confirm}}`).join(', ');
const asking = (confirm: string, ...names: string[]) => `allow:\n  write: [${entries(confirm, ...names)}]\n`;
const ONE = asking('always', 'a.txt');
const FOUR = asking('always', 'a.txt', 'b.txt', 'c.txt', 'd.txt');

const start = (dir: string, config: string, more: RigOptions = {}) => edgeRig(dir, { config, ...more });
const fails = (promise: Promise<unknown>) =>
  promise.then(
    () => 'none',
    (error: AppError) => error.reason,
  );
const text = (dir: string, name: string) =>
  existsSync(join(dir, 'docs', name)) ? readFileSync(join(dir, 'docs', name), 'utf8') : undefined;

test('a call that needs the owner is held without a place, and done after the yes, once for its key', async () => {
  const dir = edgeFolder({ 'docs/a.txt': 'old\n' });
  const rig = await start(dir, `${ONE}limits: {parallel: 1, queue: 0}\n`);
  const session = sessionOf(rig);
  await session.write('docs/a.txt', '新\n', { run: 'r', key: 'k' });
  expect(session.results).toEqual([]);
  expect(session.held).toMatchObject([{ job: 'r/0/0', idempotencyKey: 'k', over: false }]);
  expect(Number(session.held[0]!.left!.seconds)).toBeGreaterThan(23 * 3600);
  expect(rig.runner.openCalls()).toMatchObject([{ job: 'r/0/0', idempotencyKey: 'k', running: true }]);
  const [approval] = pendingOf(rig);
  expect(approval).toMatchObject({ run: 'r', job: 'r/0/0', title: 'title', entry: 'write docs/a.txt', taints: [] });
  expect(approval?.reason).toContain('confirm: always');
  expect(approval?.effect?.effect).toMatchObject({ case: 'file', value: { path: 'docs/a.txt' } });
  // Another call has the only place meanwhile.
  await session.write('docs/none.txt', 'x', { run: 'r2', key: 'k2' });
  expect(session.results.map(reasonOf)).toEqual(['PATH_NOT_ALLOWED']);
  // A repeat attaches, and is told again.
  await session.write('docs/a.txt', '新\n', { run: 'r', key: 'k', epoch: 2n });
  expect(session.held.at(-1)).toMatchObject({ epoch: 2n, over: false });
  expect(pendingOf(rig)).toHaveLength(1);
  expect(text(dir, 'a.txt')).toBe('old\n');

  await answer(rig, true);
  await vi.waitFor(() => expect(session.results.map(reasonOf)).toEqual(['PATH_NOT_ALLOWED', 'done']));
  expect(session.held.at(-1)).toMatchObject({ epoch: 2n, over: true });
  expect(text(dir, 'a.txt')).toBe('新\n');
  const records = [];
  for await (const { record } of rig.journal.entries()) records.push(record);
  expect(records.map(({ case: kind }) => kind).filter((kind) => kind !== 'toolRefused')).toEqual([
    'approvalRequested',
    'approvalAnswered',
    'intent',
    'changeKept',
    'toolOutcome',
  ]);
  expect(records.find((record) => record.case === 'intent')?.value).toMatchObject({ approval: approval!.id });
  expect(await rig.approvals.get(approval!.id.slice(0, 8))).toMatchObject({
    state: ApprovalState.ALLOWED,
    answeredBy: 'box',
    effect: approval!.effect,
  });
  await session.write('docs/a.txt', '新\n', { run: 'r', key: 'k', epoch: 3n });
  expect(session.results.map(reasonOf)).toEqual(['PATH_NOT_ALLOWED', 'done', 'done']);
  await rig.close();
});

test('an edit that was allowed is done after the share is over, and tells nothing of what is there', async () => {
  const dir = edgeFolder({ 'docs/a.txt': 'eins\n二\n二\n' });
  const first = await start(dir, ONE);
  const { run } = await first.ask('edit', ['docs/a.txt']);
  const request = { path: 'docs/a.txt', edits: [{ oldText: '二', newText: 'zwei', all: true }] };
  const how = { run, job: `${run}/0/0`, key: 'k', recipient: 'rules' };
  await sessionOf(first).send(FsService.method.edit, request, how);
  expect(pendingOf(first)).toHaveLength(1);
  await first.close();

  // A share ends with the process.
  const rig = await start(dir, ONE);
  const session = sessionOf(rig);
  await session.send(FsService.method.edit, request, { ...how, epoch: 2n });
  await answer(rig, true);
  await vi.waitFor(() => expect(session.results.map(reasonOf)).toEqual(['done']));
  expect(text(dir, 'a.txt')).toBe('eins\nzwei\nzwei\n');
  const [done] = session.results;
  const told = done?.answer.case === 'done' ? done.answer.value.responses : [];
  expect(told.map((bytes) => fromBinary(EditResponseSchema, bytes).replaced)).toEqual([0]);
  // Nor does the run know it by that.
  const again = { path: 'docs/a.txt', edits: [{ oldText: 'zwei', newText: '2', all: true }] };
  await session.send(FsService.method.edit, again, { ...how, job: `${run}/1/0`, key: 'k2' });
  await vi.waitFor(() => expect(session.results.map(reasonOf)).toEqual(['done', 'EDIT_NEEDS_GRANT']));
  await rig.close();
});

test('a no is the answer of the key, also after a restart; the owner is not asked again', async () => {
  const dir = edgeFolder();
  const rig = await start(dir, ONE);
  const session = sessionOf(rig);
  await session.write('docs/a.txt', 'x', { run: 'r', key: 'k' });
  const [asked] = pendingOf(rig);
  await answer(rig, false);
  await vi.waitFor(() => expect(session.results.map(reasonOf)).toEqual(['APPROVAL_DENIED']));
  expect(session.results[0]).toMatchObject({ keyFree: false, answer: { case: 'neverStarted' } });
  // The same answer once more is harmless; the other one comes too late.
  expect(await answer(rig, false, [asked!])).toEqual([asked!.id]);
  expect(await fails(answer(rig, true, [asked!]))).toBe('APPROVAL_ENDED');
  await rig.close();
  const again = await start(dir, ONE);
  const later = sessionOf(again);
  await later.write('docs/a.txt', 'x', { run: 'r', key: 'k', epoch: 2n });
  expect(later.results.map(reasonOf)).toEqual(['APPROVAL_DENIED']);
  expect([pendingOf(again), text(dir, 'a.txt')]).toEqual([[], undefined]);
  await again.close();
});

test('three that wait outlive the process; their calls attach, and an answer given meanwhile is not asked for again', async () => {
  const dir = edgeFolder();
  const rig = await start(dir, FOUR);
  const session = sessionOf(rig);
  for (const name of ['a', 'b', 'c'])
    await session.write(`docs/${name}.txt`, name, { run: 'r', job: `r/0/${name}`, key: name });
  const before = pendingOf(rig);
  expect(before.map(({ job }) => job)).toEqual(['r/0/a', 'r/0/b', 'r/0/c']);
  await rig.close();

  const again = await start(dir, FOUR);
  again.desk.start();
  const bytes = (all: typeof before) => all.map((one) => Buffer.from(toBinary(ApprovalSchema, one)).toString('hex'));
  expect(bytes(pendingOf(again))).toEqual(bytes(before));
  await answer(again, true, [before[1]!]);
  expect(again.runner.openCalls().map(({ job, running }) => [job, running])).toEqual(
    before.map(({ job }) => [job, true]),
  );
  const later = sessionOf(again);
  for (const name of ['a', 'b', 'c'])
    await later.write(`docs/${name}.txt`, name, { run: 'r', job: `r/0/${name}`, key: name, epoch: 2n });
  await vi.waitFor(() => expect(later.results.map(({ job }) => job)).toEqual(['r/0/b']));
  expect(later.held.map(({ job, over }) => [job, over])).toEqual([
    ['r/0/a', false],
    ['r/0/c', false],
  ]);
  expect([text(dir, 'a.txt'), text(dir, 'b.txt')]).toEqual([undefined, 'b']);
  await answer(again, true);
  await vi.waitFor(() => expect(later.results).toHaveLength(3));
  expect(
    await again.approvals.list({
      $typeName: 'bowline.local.v1.ListApprovalsRequest',
      run: '',
      all: true,
      pageSize: 0,
      pageToken: '',
    }),
  ).toMatchObject({
    approvals: [ApprovalState.ALLOWED, ApprovalState.ALLOWED, ApprovalState.ALLOWED].map((state) => ({ state })),
  });
  await again.close();
});

test('what changed since it was shown is asked for anew, and nothing is told of it to the caller', async () => {
  const dir = edgeFolder({ 'docs/a.txt': 'old\n' });
  const rig = await start(dir, ONE);
  const session = sessionOf(rig);
  await session.write('docs/a.txt', 'new\n', { run: 'r', key: 'k' });
  const [first] = pendingOf(rig);
  writeFileSync(join(dir, 'docs/a.txt'), 'other\n');
  await answer(rig, true);
  await vi.waitFor(() => expect(pendingOf(rig)).toHaveLength(1));
  const [second] = pendingOf(rig);
  expect(second!.id).not.toBe(first!.id);
  expect([first!.reason, second!.reason].map((reason) => reason.includes('since your yes'))).toEqual([false, true]);
  expect([session.results, text(dir, 'a.txt')]).toEqual([[], 'other\n']);
  expect((await rig.approvals.get(first!.id)).state).toBe(ApprovalState.CHANGED);
  // An answer to what was shown before is for nothing.
  const stale = { ...second!, digest: first!.digest };
  expect(await fails(answer(rig, true, [stale]))).toBe('APPROVAL_CHANGED');
  expect(await fails(answer(rig, true, [first!]))).toBe('APPROVAL_ENDED');
  expect(pendingOf(rig)).toHaveLength(1);
  await answer(rig, true);
  await vi.waitFor(() => expect(session.results.map(reasonOf)).toEqual(['done']));
  expect(text(dir, 'a.txt')).toBe('new\n');
  await rig.close();
});

test('answers are taken all or none', async () => {
  const dir = edgeFolder();
  const rig = await start(dir, FOUR);
  const session = sessionOf(rig);
  for (const name of ['a', 'b'])
    await session.write(`docs/${name}.txt`, name, { run: 'r', job: `r/0/${name}`, key: name });
  const [a, b] = pendingOf(rig);
  expect(await fails(answer(rig, true, [a!, { ...b!, id: 'none' }]))).toBe('NOT_FOUND');
  expect(await fails(answer(rig, true, [a!, { ...b!, digest: a!.digest }]))).toBe('APPROVAL_CHANGED');
  expect([pendingOf(rig).length, session.results]).toEqual([2, []]);
  await rig.close();
});

test('three of a run are asked at once, the others wait in line; after two denials the rest is refused and later ones too', async () => {
  const dir = edgeFolder();
  const names = ['a', 'b', 'c', 'd', 'e'];
  const config = asking('always', ...names.map((name) => `${name}.txt`), 'f.txt');
  const rig = await start(dir, config);
  const session = sessionOf(rig);
  const send = (name: string, run = 'r') =>
    session.write(`docs/${name}.txt`, name, { run, job: `${run}/0/${name}`, key: `${run}${name}` });
  for (const name of names) await send(name);
  expect(pendingOf(rig).map(({ job }) => job)).toEqual(['r/0/a', 'r/0/b', 'r/0/c']);
  expect(session.held.map(({ job }) => job)).toEqual(names.map((name) => `r/0/${name}`));
  await answer(rig, false, [pendingOf(rig)[0]!]);
  await vi.waitFor(() => expect(pendingOf(rig).map(({ job }) => job)).toEqual(['r/0/b', 'r/0/c', 'r/0/d']));
  await answer(rig, false, [pendingOf(rig)[0]!]);
  await vi.waitFor(() => expect(session.results).toHaveLength(5));
  expect(session.results.map(reasonOf).sort()).toEqual([
    'APPROVALS_OVER',
    'APPROVALS_OVER',
    'APPROVALS_OVER',
    'APPROVAL_DENIED',
    'APPROVAL_DENIED',
  ]);
  await rig.close();
  // Nor after a restart; another run is another thing. Nor where both answers come in the same turn.
  const again = await start(dir, config);
  const both = sessionOf(again);
  for (const name of ['a', 'b', 'c'])
    await both.write(`docs/${name}.txt`, name, { run: 'r3', job: `r3/0/${name}`, key: `r3${name}` });
  const [one, two] = pendingOf(again);
  await Promise.all([answer(again, false, [one!]), answer(again, false, [two!])]);
  await vi.waitFor(() => expect(both.results.map(reasonOf)).toContain('APPROVALS_OVER'));
  expect(pendingOf(again)).toEqual([]);
  const later = sessionOf(again);
  await later.write('docs/f.txt', 'f', { run: 'r', job: 'r/1/f', key: 'f' });
  expect(later.results.map(reasonOf)).toEqual(['APPROVALS_OVER']);
  await later.write('docs/f.txt', 'f', { run: 'r2', key: 'f2' });
  expect(pendingOf(again)).toHaveLength(1);
  await again.close();
});

test('an entry with `first` is asked for once a run; one for the run covers what waits; after foreign bytes each is asked', async () => {
  const dir = edgeFolder();
  const config = `allow:\n  write: [${entries('first', 'a.txt')}, ${entries('always', 'b.txt')}]\n`;
  const rig = await start(dir, config);
  const session = sessionOf(rig);
  const send = (name: string, index: number, more = {}) =>
    session.write(`docs/${name}.txt`, `${index}`, { run: 'r', job: `r/0/${index}`, key: `k${index}`, ...more });
  await send('a', 1);
  await send('a', 2);
  expect(pendingOf(rig).map(({ job }) => job)).toEqual(['r/0/1']);
  await answer(rig, true);
  await vi.waitFor(() => expect(session.results.map(({ job }) => job).sort()).toEqual(['r/0/1', 'r/0/2']));
  await send('a', 3);
  expect(session.results).toHaveLength(3);

  await send('b', 4);
  await send('b', 5);
  await answer(rig, true, [pendingOf(rig)[0]!], ApprovalScope.RUN);
  await vi.waitFor(() => expect(session.results).toHaveLength(5));
  await send('b', 6);
  expect(session.results.map(reasonOf)).toEqual(Array(6).fill('done'));

  await send('a', 7, { change: (call: { taints: Taint[] }) => call.taints.push(Taint.UNTRUSTED) });
  await send('b', 8, { confirmation: Confirmation.ALWAYS });
  expect(pendingOf(rig)).toMatchObject([{ job: 'r/0/7', taints: [Taint.UNTRUSTED] }, { job: 'r/0/8' }]);
  await rig.close();
});

test('what waits is not covered by a yes to another call, also after a restart', async () => {
  const dir = edgeFolder();
  const config = asking('first', 'a.txt');
  const rig = await start(dir, config);
  const session = sessionOf(rig);
  const send = (to: typeof session, index: number, more = {}) =>
    to.write('docs/a.txt', `${index}`, { run: 'r', job: `r/0/${index}`, key: `k${index}`, ...more });
  await send(session, 1);
  await send(session, 2, { confirmation: Confirmation.ALWAYS });
  const [first, strict] = pendingOf(rig);
  await answer(rig, true, [strict!]);
  await vi.waitFor(() => expect(session.results.map(reasonOf)).toEqual(['done']));
  expect(pendingOf(rig)).toMatchObject([{ id: first!.id }]);
  await rig.close();

  const again = await start(dir, config);
  const later = sessionOf(again);
  await send(later, 1, { epoch: 2n });
  expect([later.results, pendingOf(again).map(({ id }) => id)]).toEqual([[], [first!.id]]);
  await answer(again, false);
  await vi.waitFor(() => expect(later.results.map(reasonOf)).toEqual(['APPROVAL_DENIED']));
  // What was never asked about is covered.
  await send(later, 3);
  expect([later.results.map(reasonOf), text(dir, 'a.txt')]).toEqual([['APPROVAL_DENIED', 'done'], '3']);
  await again.close();
});

test('a first yes that could not be used, because the file changed, stands for nothing, also after a restart', async () => {
  const dir = edgeFolder({ 'docs/a.txt': 'one' });
  const config = asking('first', 'a.txt');
  const rig = await start(dir, config);
  const session = sessionOf(rig);
  await session.write('docs/a.txt', 'mine', { run: 'r', key: 'k' });
  writeFileSync(join(dir, 'docs/a.txt'), 'theirs');
  await answer(rig, true);
  await vi.waitFor(() => expect(pendingOf(rig)).toMatchObject([{ reason: expect.stringContaining('has changed') }]));
  expect([session.results, text(dir, 'a.txt')]).toEqual([[], 'theirs']);
  await rig.close();
  const again = await start(dir, config);
  const later = sessionOf(again);
  await later.write('docs/a.txt', 'other', { run: 'r', job: 'r/0/1', key: 'k1' });
  await answer(again, true);
  // It is covered once the other one is done, and not before.
  expect([pendingOf(again), later.results, text(dir, 'a.txt')]).toEqual([[], [], 'theirs']);
  await later.write('docs/a.txt', 'mine', { run: 'r', key: 'k', epoch: 2n });
  await vi.waitFor(() => expect(later.results.map(({ job }) => job)).toEqual(['r/0/0', 'r/0/1']));
  expect(text(dir, 'a.txt')).toBe('other');
  await again.close();
});

test('a call with `confirm: never` asks when its run has read what others wrote', async () => {
  const rig = await start(edgeFolder(), asking('never', 'a.txt'));
  const session = sessionOf(rig);
  await session.write('docs/a.txt', 'x', { run: 'r', key: 'k', change: (call) => call.taints.push(Taint.UNTRUSTED) });
  expect(pendingOf(rig)).toHaveLength(1);
  await session.write('docs/a.txt', 'x', { run: 'r', key: 'k2', change: (call) => call.taints.push(Taint.PRIVATE) });
  expect(session.results.map(reasonOf)).toEqual(['done']);
  await rig.close();
});
