// A call at which the edge that gets it ends, time after time, is told from those that are only there when it happens, and from a
// network that fails: the one fails with its reason, the others are served.
import { create } from '@bufbuild/protobuf';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { ReadRequestSchema, ReadResponseSchema, WriteRequestSchema } from '../../gen/bowline/capability/fs/v1/fs_pb.ts';
import { FinishReason } from '../../gen/bowline/capability/llm/v1/llm_pb.ts';
import { FollowRunSchema, type ToolCall } from '../../gen/bowline/edge/v1/edge_pb.ts';
import { JobState, RunState } from '../../gen/bowline/run/v1/run_pb.ts';
import { newId } from '../../src/base/ids.ts';
import { TestControl } from '../support/control-plane.ts';
import { EdgeStream } from '../support/fake-edge.ts';
import type { WorkerStream } from '../support/fake-worker.ts';

let control: TestControl;
beforeAll(async () => {
  control = await TestControl.start();
});
afterAll(async () => {
  await control.close();
});

const following = (run: string) => ({ follows: [create(FollowRunSchema, { run })] });

const pathOf = (call: ToolCall): string => EdgeStream.params(call, ReadRequestSchema).path;

/** A run whose model asks for these files; its worker answers the next turn, and says what it was told of each. */
async function reads(edge: EdgeStream, worker: WorkerStream, paths: readonly string[], name = 'fs_read') {
  const { run } = edge.ask('Read them.');
  const job = await worker.job();
  paths.forEach((path, n) => {
    const argumentsJson = JSON.stringify({ path, ...(name === 'fs_write' ? { text: 'x' } : {}) });
    worker.say(job, { case: 'toolCall', value: { id: `c${n}`, name, argumentsJson } });
  });
  worker.conclude(job, FinishReason.TOOL_CALLS);
  return run;
}

async function outcome(edge: EdgeStream, worker: WorkerStream, run: string) {
  worker.reply(await worker.job(1), 'Done.');
  const { state, jobs } = await edge.end(run);
  expect(state).toBe(RunState.ANSWERED);
  return jobs.filter(({ method }) => !method.includes('llm'));
}

const answer = (edge: EdgeStream, call: ToolCall) => edge.done(call, ReadResponseSchema, { text: pathOf(call) });

test('a call that ends each edge which gets it fails after three, with the reason; the run goes on', async () => {
  const device = await control.device();
  const worker = await control.worker();
  let edge = control.closing(await device.connect());
  const run = await reads(edge, worker, ['a.md']);
  for (let n = 1; n <= 3; n++) {
    await edge.call();
    await edge.cut();
    edge = control.closing(await device.connect(following(run)));
  }
  const [job] = await outcome(edge, worker, run);
  expect(job).toMatchObject({ state: JobState.FAILED, failure: { reason: 'EDGE_ENDED_AT_CALL' } });
  expect(job?.failure?.message).toContain('ended 3 times');
  expect(edge.all('toolCall')).toEqual([]);
  await edge.cut();
  await worker.cut();
});

test('whether an effect at which edges end has happened is unknown', async () => {
  const device = await control.device();
  const worker = await control.worker();
  let edge = control.closing(await device.connect());
  const run = await reads(edge, worker, ['a.md'], 'fs_write');
  for (let n = 1; n <= 3; n++) {
    expect(EdgeStream.params(await edge.call(), WriteRequestSchema).path).toBe('a.md');
    await edge.cut();
    edge = control.closing(await device.connect(following(run)));
  }
  const [job] = await outcome(edge, worker, run);
  expect(job).toMatchObject({ state: JobState.UNKNOWN, failure: { reason: 'OUTCOME_UNKNOWN' } });
  await edge.cut();
  await worker.cut();
});

test('a network that fails time after time condemns nothing: the edge is the same start of it, and is served in the end', async () => {
  const device = await control.device();
  const worker = await control.worker();
  const bootId = newId();
  let edge = control.closing(await device.connect({ bootId }));
  const run = await reads(edge, worker, ['a.md']);
  for (let n = 1; n <= 8; n++) {
    await edge.call();
    await edge.cut();
    edge = control.closing(await device.connect({ bootId, ...following(run) }));
  }
  answer(edge, await edge.call());
  expect(await outcome(edge, worker, run)).toMatchObject([{ state: JobState.DONE, attempts: 1 }]);
  await edge.cut();
  await worker.cut();
});

test('an edge that says goodbye before it ends has ended at nothing', async () => {
  const device = await control.device();
  const worker = await control.worker();
  let edge = control.closing(await device.connect());
  const run = await reads(edge, worker, ['a.md']);
  for (let n = 1; n <= 4; n++) {
    await edge.call();
    edge.send({ case: 'goodbye', value: {} });
    await edge.ended;
    edge = control.closing(await device.connect(following(run)));
  }
  answer(edge, await edge.call());
  expect(await outcome(edge, worker, run)).toMatchObject([{ state: JobState.DONE }]);
  await edge.cut();
  await worker.cut();
});

test('among eight calls the one that ends edges is found; the others, also those that came meanwhile, are served', async () => {
  const device = await control.device();
  const worker = await control.worker();
  let edge = control.closing(await device.connect());
  const paths = ['a.md', 'b.md', 'c.md', 'bad.md', 'e.md', 'f.md', 'g.md', 'h.md'];
  const run = await reads(edge, worker, paths);
  await edge.until(() => edge.all('toolCall').length === paths.length);
  let ends = 0;
  // The edge: at the bad one it ends and forgets everything; the others it answers, one after the other.
  for (let served = 0; ; ) {
    const next = edge
      .all('toolCall')
      .slice(served)
      .map((each) => device.open(each));
    if (ends === 0 || next.some((call) => pathOf(call) === 'bad.md')) {
      ends++;
      await edge.cut();
      edge = control.closing(await device.connect(following(run)));
      served = 0;
      continue;
    }
    for (const call of next) answer(edge, call);
    served += next.length;
    const seen = served;
    await edge.until(() => edge.all('toolCall').length > seen || worker.all('job').length > 1);
    if (worker.all('job').length > 1) break;
  }
  const jobs = await outcome(edge, worker, run);
  expect(ends).toBe(3);
  const failed = jobs.filter(({ state }) => state !== JobState.DONE);
  expect(failed).toMatchObject([{ failure: { reason: 'EDGE_ENDED_AT_CALL' } }]);
  expect(jobs).toHaveLength(paths.length);
  await edge.cut();
  await worker.cut();
});
