// Calls that wait for the owner of a device, as the control plane sees them: a real one, with a device and a worker as scripts. Nothing
// is lost, nothing is sent twice within a session, and nobody else waits for them.

import { create } from '@bufbuild/protobuf';
import { durationFromMs } from '@bufbuild/protobuf/wkt';
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest';
import { FsService, WriteRequestSchema, WriteResponseSchema } from '../../gen/bowline/capability/fs/v1/fs_pb.ts';
import { FinishReason } from '../../gen/bowline/capability/llm/v1/llm_pb.ts';
import { RunService } from '../../gen/bowline/control/v1/run_service_pb.ts';
import { FollowRunSchema, OpenToolCallSchema, type ToolCall } from '../../gen/bowline/edge/v1/edge_pb.ts';
import { JobState, RunState } from '../../gen/bowline/run/v1/run_pb.ts';
import { newId } from '../../src/base/ids.ts';
import { eventually, refusal, TestControl } from '../support/control-plane.ts';
import { EdgeStream, type FakeEdge } from '../support/fake-edge.ts';
import type { WorkerStream } from '../support/fake-worker.ts';

let control: TestControl;
let device: FakeEdge;
let edge: EdgeStream;
let worker: WorkerStream;

beforeAll(async () => {
  control = await TestControl.start();
});
afterAll(async () => {
  await control.close();
});
beforeEach(async () => {
  device = await control.device();
  edge = control.closing(await device.connect());
  worker = await control.worker({ slots: 16 });
});
afterEach(async () => {
  await edge.cut();
  await worker.cut();
});

/** A run whose model asks to write these files; resolves when it has asked. */
async function writes(paths: readonly string[], how: Parameters<EdgeStream['ask']>[1] = {}): Promise<string> {
  const turn = worker.all('job').length;
  const { run } = edge.ask('Write them.', how);
  const job = await worker.job(turn);
  paths.forEach((path, n) => {
    const argumentsJson = JSON.stringify({ path, text: 'x' });
    worker.say(job, { case: 'toolCall', value: { id: `c${n}`, name: 'fs_write', argumentsJson } });
  });
  worker.conclude(job, FinishReason.TOOL_CALLS);
  return run;
}

const held = ({ job, epoch, idempotencyKey }: ToolCall, leftMs = 86_400_000) =>
  edge.send({ case: 'toolHeld', value: { job, epoch, idempotencyKey, left: durationFromMs(leftMs) } });
const released = ({ job, epoch, idempotencyKey }: ToolCall) =>
  edge.send({ case: 'toolHeld', value: { job, epoch, idempotencyKey, over: true } });
const written = (call: ToolCall) => edge.done(call, WriteResponseSchema, {});
const denied = (call: ToolCall) =>
  edge.answer(call, { case: 'neverStarted', value: { reason: 'APPROVAL_DENIED', code: 7 } });

const pathOf = (call: ToolCall): string => EdgeStream.params(call, WriteRequestSchema).path;
const following = (run: string) => ({ follows: [create(FollowRunSchema, { run })] });
const calls = () => edge.all('toolCall').map((each) => device.open(each));

const runOf = async (id: string) => (await control.client(RunService).getRun({ id })).run!;
const waits = (run: string, count = 1) =>
  eventually(async () => (await runOf(run)).jobs.filter(({ state }) => state === JobState.APPROVAL).length === count);

/** The device is told that the run waits for its owner. */
const toldToFollower = (run: string) =>
  edge.until(() => edge.all('runUpdate').some((each) => each.run === run && each.job?.state === JobState.APPROVAL));

test('whoever follows the run, lists it or asks what it waits for sees that it waits for the owner; other calls go on', async () => {
  const run = await writes(['a.md', 'b.md']);
  const [a, b] = [await edge.call(0), await edge.call(1)];
  held(a);
  await toldToFollower(run);
  await waits(run);
  const { runs } = await control.client(RunService).listRuns({ waitsForOwner: true });
  expect(runs.map(({ id, waitsForOwner }) => [id, waitsForOwner])).toEqual([[run, true]]);
  const { summary } = await control.client(RunService).explainRun({ id: run });
  expect(summary).toContain(`waits for the owner’s yes on ${device.name}`);
  // The other call of the step goes on, and so does another conversation.
  written(b);
  await eventually(async () => (await runOf(run)).jobs.some(({ state }) => state === JobState.DONE));
  const other = edge.ask('And?');
  worker.reply(await worker.job(1), 'Nothing waits here.');
  expect((await edge.end(other.run)).state).toBe(RunState.ANSWERED);
  released(a);
  await eventually(async () => (await control.client(RunService).listRuns({ waitsForOwner: true })).runs.length === 0);
  await edge.until(
    () => edge.all('runUpdate').findLast((each) => each.job?.id === a.job)?.job?.state !== JobState.APPROVAL,
  );
  written(a);
  worker.reply(await worker.job(2), 'Both were written.');
  expect((await edge.end(run)).answer).toBe('Both were written.');
  expect(calls()).toHaveLength(2);
});

test('a no is told to the model, which ends the run', async () => {
  const run = await writes(['a.md']);
  const call = await edge.call();
  held(call);
  await waits(run);
  denied(call);
  worker.reply(await worker.job(1), 'It was not written.');
  const { jobs } = await edge.end(run);
  expect(jobs[1]).toMatchObject({ state: JobState.FAILED, failure: { reason: 'APPROVAL_DENIED' } });
});

test('the deadline of a run stands still; one that only works meets its own', async () => {
  const run = await writes(['a.md'], { timeoutMs: 900 });
  held(await edge.call());
  await waits(run);
  // Another one of the same length, asked later: when that is over, so would be the first.
  const other = edge.ask('Quickly!', { timeoutMs: 900 });
  expect((await edge.end(other.run)).state).toBe(RunState.TIMED_OUT);
  expect((await runOf(run)).state).toBe(RunState.RUNNING);
  denied(await edge.call());
  worker.reply(await worker.job(2), 'No.');
  expect((await edge.end(run)).state).toBe(RunState.ANSWERED);
});

test('calls that wait take no place: with 64 of them the next ones come', async () => {
  const runs: string[] = [];
  for (let n = 0; n < 9; n++) runs.push(await writes(Array.from({ length: 8 }, (_, i) => `f${n}-${i}.md`)));
  await edge.until(() => calls().length === 64);
  for (const call of calls()) held(call);
  await edge.until(() => calls().length === 72);
  // Nothing was sent twice, also by the scans meanwhile.
  await waits(runs[0]!, 8);
  expect(new Set(calls().map(pathOf)).size).toBe(72);
  for (const call of calls()) denied(call);
  await Promise.all(runs.map(async (run) => control.client(RunService).cancelRun({ id: run, requestId: newId() })));
  for (const run of runs) await edge.end(run);
});

test('each session is told again what waits; an edge that ends while it asks its owner did not end at the call', async () => {
  const run = await writes(['a.md']);
  for (let n = 0; n < 5; n++) {
    held(await edge.call());
    await waits(run);
    await edge.cut();
    edge = control.closing(await device.connect(following(run)));
  }
  const call = await edge.call();
  held(call);
  released(call);
  written(call);
  worker.reply(await worker.job(1), 'Done.');
  expect((await edge.end(run)).jobs[1]).toMatchObject({ state: JobState.DONE, attempts: 1 });
});

test('a control plane that is started again knows what waits, and the answer that was given meanwhile counts', async () => {
  const run = await writes(['a.md', 'b.md']);
  const sent = [await edge.call(0), await edge.call(1)];
  for (const call of sent) held(call);
  await waits(run, 2);
  await control.stop(0);
  await edge.ended;
  await control.boot();
  device.url = control.url;
  worker = await control.worker();
  await waits(run, 2);
  const openToolCalls = sent.map(({ job, idempotencyKey }) =>
    create(OpenToolCallSchema, { job, idempotencyKey, running: true }),
  );
  edge = control.closing(await device.connect({ openToolCalls, ...following(run) }));
  const again = [await edge.call(0), await edge.call(1)];
  expect(again.map(({ idempotencyKey }) => idempotencyKey).toSorted()).toEqual(
    sent.map(({ idempotencyKey }) => idempotencyKey).toSorted(),
  );
  held(again[0]!);
  released(again[0]!);
  written(again[0]!);
  denied(again[1]!);
  worker.reply(await worker.job(0), 'One was written.');
  const { jobs } = await edge.end(run);
  expect(
    jobs
      .slice(1, 3)
      .map(({ state }) => state)
      .toSorted(),
  ).toEqual([JobState.DONE, JobState.FAILED].toSorted());
});

test('a cancel reaches a call that waits, also in the next session', async () => {
  const run = await writes(['a.md', 'b.md']);
  const [a, b] = [await edge.call(0), await edge.call(1)];
  held(a);
  held(b);
  await waits(run, 2);
  edge.send({ case: 'cancelRun', value: { run, sequence: 0n } });
  await edge.until(() => edge.all('cancelTool').length === 2);
  edge.answer(a, { case: 'neverStarted', value: { reason: 'CANCELED', code: 1 } });
  await edge.cut();
  const openToolCalls = [create(OpenToolCallSchema, { job: b.job, idempotencyKey: b.idempotencyKey, running: true })];
  edge = control.closing(await device.connect({ openToolCalls, ...following(run) }));
  expect(await edge.frame('cancelTool')).toMatchObject({ job: b.job });
  edge.answer(b, { case: 'neverStarted', value: { reason: 'CANCELED', code: 1 } });
  await eventually(async () => (await runOf(run)).jobs.slice(1).every(({ state }) => state === JobState.CANCELLED));
  expect(calls()).toEqual([]);
});

test('a device says what it likes of calls that it was not given, and of others than its own: nothing follows', async () => {
  const run = await writes(['a.md']);
  const call = await edge.call();
  const stranger = control.closing(await (await control.device()).connect());
  const { job, epoch, idempotencyKey } = call;
  const left = durationFromMs(1000);
  stranger.send({ case: 'toolHeld', value: { job, epoch, idempotencyKey, left } });
  edge.send({ case: 'toolHeld', value: { job, epoch: epoch + 1n, idempotencyKey, left } });
  edge.send({ case: 'toolHeld', value: { job: 'nothing', epoch, idempotencyKey, left } });
  released(call);
  written(call);
  worker.reply(await worker.job(1), 'Done.');
  expect((await edge.end(run)).jobs[1]?.state).toBe(JobState.DONE);
  await stranger.cut();
});

test('a direct call waits; its caller may leave, and with the key the next one gets the answer', async () => {
  const client = control.client(FsService);
  const headers = { 'bowline-device': device.name, 'bowline-idempotency-key': newId() };
  const first = refusal(client.write({ path: 'a.md', text: 'x' }, { headers, timeoutMs: 1_500 }));
  const call = await edge.call();
  held(call);
  const run = call.job.split('/')[0]!;
  await waits(run);
  expect(await first).toMatchObject({ code: 'DeadlineExceeded' });
  expect((await runOf(run)).state).toBe(RunState.RUNNING);
  const second = client.write({ path: 'a.md', text: 'x' }, { headers });
  released(call);
  edge.done(call, WriteResponseSchema, { created: true });
  expect((await second).created).toBe(true);
  expect(calls()).toHaveLength(1);
});
