// A job goes to its worker while the commit that makes it is under way (decision 59): what comes of it is seen by nobody before, and is
// stopped where the commit is not ours. Real streams; the commit is held at the store.
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { RetrievalService } from '../../gen/bowline/capability/retrieval/v1/retrieval_pb.ts';
import { JobState, RunState } from '../../gen/bowline/run/v1/run_pb.ts';
import { newId } from '../../src/base/ids.ts';
import { CommitGate, handsOut } from '../support/commit-gate.ts';
import { TestControl } from '../support/control-plane.ts';
import type { WorkerStream } from '../support/fake-worker.ts';

const REMOVED = { collection: 'notes', what: { case: 'everything', value: true } } as const;

let control: TestControl;
const gate = new CommitGate();
/** What the test under way opened. */
const streams: { cut(): Promise<void> }[] = [];

beforeAll(async () => {
  control = await TestControl.start({ wrapStore: (store) => gate.wrap(store), config: { maxTextBytes: 4 << 20 } });
});
afterAll(() => control.close());
afterEach(async () => {
  gate.hold(undefined);
  for (const held of gate.held.splice(0)) held.pass();
  await Promise.all(streams.splice(0).map((stream) => stream.cut()));
});

/** An edge, and a worker that has done its first job: nothing older waits for it. */
async function opened(bootId = newId()) {
  const edge = control.closing(await (await control.device()).connect());
  const worker = await control.worker({ bootId });
  streams.push(edge, worker);
  const { run } = edge.ask('first?');
  worker.reply(await worker.job(0), 'First.');
  await edge.end(run);
  await worker.until(() => worker.all('resultCommitted').length === 1);
  return { edge, worker };
}

/** Whatever the worker said before is at the control plane when this resolves. */
async function heard(worker: WorkerStream): Promise<void> {
  const nonce = BigInt(worker.frames.length + 1);
  worker.send({ case: 'ping', value: { nonce } });
  await worker.until(() => worker.all('pong').some((pong) => pong.nonce === nonce));
}

const heldCommit = async (worker: WorkerStream, number: number) =>
  worker.until(() => gate.held.length > number && gate.held[number]!);

test('a worker has the job before its commit has returned; nothing of its words, nor its result, is seen before', async () => {
  const { edge, worker } = await opened();
  gate.hold(handsOut);
  const { run } = edge.ask('early?');
  const job = await worker.job(1);
  worker.say(job, 'An early ');
  worker.say(job, 'answer.');
  worker.conclude(job);
  const held = await heldCommit(worker, 0);
  await heard(worker);
  expect(edge.all('askVerdict')).toHaveLength(1);
  expect(edge.text(run).text).toBe('');
  expect(worker.all('resultCommitted')).toHaveLength(1);
  gate.hold(undefined);
  held.pass();
  const outcome = await edge.end(run);
  expect([outcome.state, outcome.answer]).toEqual([RunState.ANSWERED, 'An early answer.']);
  expect(edge.text(run).text).toBe('An early answer.');
  await worker.until(() => worker.all('resultCommitted').length === 2);
  expect(worker.all('job')).toHaveLength(2);
});

test('a commit whose answer is lost is found in the inbox: the job goes on where it is, and is sent once', async () => {
  const { edge, worker } = await opened();
  gate.hold(handsOut);
  const { run } = edge.ask('lost answer?');
  const job = await worker.job(1);
  worker.say(job, 'Once.');
  worker.conclude(job);
  const held = await heldCommit(worker, 0);
  gate.hold(undefined);
  held.passSilently();
  expect((await edge.end(run)).answer).toBe('Once.');
  expect(worker.all('job')).toHaveLength(2);
  expect(worker.all('cancel')).toEqual([]);
});

test('a commit that was not first: the job is stopped, what it said is never seen, and its id is never used again', async () => {
  const { edge, worker } = await opened();
  gate.hold(handsOut);
  const { run } = edge.ask('not first?');
  const first = await worker.job(1);
  worker.say(first, 'Never seen.');
  worker.conclude(first);
  const held = await heldCommit(worker, 0);
  await heard(worker);
  gate.hold(undefined);
  held.conflict();
  const second = await worker.job(2);
  expect(second.job).toBe(first.job);
  expect(second.epoch).toBe(first.epoch);
  expect(second.dispatchId).not.toBe(first.dispatchId);
  await worker.until(() => worker.all('cancel').some(({ dispatchId }) => dispatchId === first.dispatchId));
  worker.reply(second, 'The right one.');
  const outcome = await edge.end(run);
  expect(outcome.answer).toBe('The right one.');
  expect(edge.text(run).text).toBe('The right one.');
  // Of the first no result is awaited: the worker may forget it.
  worker.conclude(first);
  await worker.until(() => worker.all('resultCommitted').some(({ dispatchId }) => dispatchId === first.dispatchId));
});

test('a commit that is refused for good: the job is stopped, and its slot is free for the next one', async () => {
  const { edge, worker } = await opened();
  gate.hold(handsOut);
  edge.ask('refused?');
  const first = await worker.job(1);
  (await heldCommit(worker, 0)).refuse();
  await worker.until(() => worker.all('cancel').some(({ dispatchId }) => dispatchId === first.dispatchId));
  worker.conclude(first);
  gate.hold(undefined);
  const { run } = edge.ask('next?');
  const next = await worker.until(() => worker.all('job').find((job) => job.run === run));
  worker.reply(next, 'Here.');
  expect((await edge.end(run)).answer).toBe('Here.');
});

test('the turn after a tool is at its worker before the commit of the result of the tool', async () => {
  const { edge, worker } = await opened();
  const { run } = edge.ask('What does notes.md say?');
  const first = await worker.job(1);
  worker.useTool(first, 'fs_read', { path: 'docs/notes.md' });
  const call = await edge.call();
  gate.hold(handsOut);
  edge.answer(call, { case: 'neverStarted', value: { code: 7, reason: 'PATH_NOT_ALLOWED', message: 'not allowed' } });
  const second = await worker.job(2);
  const held = await heldCommit(worker, 0);
  expect(edge.all('toolResultCommitted')).toEqual([]);
  gate.hold(undefined);
  held.pass();
  worker.reply(second, 'Nothing.');
  const outcome = await edge.end(run);
  expect(outcome.jobs.map(({ state }) => state)).toEqual([JobState.DONE, JobState.FAILED, JobState.DONE]);
});

test('a worker that leaves and comes back with the job while the commit is under way goes on with it', async () => {
  const bootId = newId();
  const { edge, worker } = await opened(bootId);
  gate.hold(handsOut);
  const { run } = edge.ask('back?');
  const job = await worker.job(1);
  worker.say(job, 'Said by ');
  const held = await heldCommit(worker, 0);
  await heard(worker);
  await worker.cut();
  gate.hold(undefined);
  held.pass();
  const again = await control.worker({ bootId, held: [worker.held(job)] });
  streams.push(again);
  again.say(job, 'Said by ');
  again.say(job, 'the same one.');
  again.conclude(job);
  expect((await edge.end(run)).answer).toBe('Said by the same one.');
});

test('what says too much before its commit is stopped, and fails with that after it', async () => {
  const { edge, worker } = await opened();
  gate.hold(handsOut);
  const { run } = edge.ask('much?');
  const job = await worker.job(1);
  for (let n = 0; n < 6; n++) worker.say(job, 'x'.repeat(1 << 20));
  const held = await heldCommit(worker, 0);
  await worker.until(() => worker.all('cancel').length > 0);
  gate.hold(undefined);
  held.pass();
  const outcome = await edge.end(run);
  expect([outcome.state, outcome.failure?.reason]).toEqual([RunState.REFUSED, 'LIMIT_EXCEEDED']);
});

test('a job that changes something waits for its commit', async () => {
  const worker = await control.worker({ packages: ['bowline.capability.retrieval.v1'], methods: ['Delete'] });
  streams.push(worker);
  const remove = () =>
    control
      .client(RetrievalService)
      .delete(REMOVED)
      .catch(() => 'failed');
  const first = remove();
  worker.result(await worker.job(0), []);
  await first;
  gate.hold(handsOut);
  const second = remove();
  const held = await heldCommit(worker, 0);
  await heard(worker);
  expect(worker.all('job')).toHaveLength(1);
  gate.hold(undefined);
  held.pass();
  worker.result(await worker.job(1), []);
  await second;
});
