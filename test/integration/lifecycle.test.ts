// The control plane stops, starts again and works on a store that loses its answers: what was accepted still ends once.
import { afterAll, beforeAll, expect, test } from 'vitest';
import { ReadResponseSchema, WriteResponseSchema } from '../../gen/bowline/capability/fs/v1/fs_pb.ts';
import { LlmService, Role } from '../../gen/bowline/capability/llm/v1/llm_pb.ts';
import { RunService } from '../../gen/bowline/control/v1/run_service_pb.ts';
import { JobState, RunState } from '../../gen/bowline/run/v1/run_pb.ts';
import { newId } from '../../src/base/ids.ts';
import { refusal, TestControl } from '../support/control-plane.ts';
import type { FakeEdge } from '../support/fake-edge.ts';
import { FaultyEventStore } from '../support/faults/faulty-event-store.ts';

let control: TestControl;
beforeAll(async () => {
  control = await TestControl.start({ config: { recoverAfterMs: 2_000 } });
});
afterAll(() => control.close());

const question = { messages: [{ role: Role.USER, parts: [{ part: { case: 'text' as const, value: 'hi' } }] }] };

/** Sessions find it on another port after a restart. */
const moved = (edge: FakeEdge): FakeEdge => Object.assign(edge, { url: control.url });

test('a restart without a drain: open runs go on, adopted by workers that held them, taken over where none did', async () => {
  const device = await control.device();
  const edge = control.closing(await device.connect());
  const bootId = newId();
  const worker = await control.worker({ bootId });
  const held = edge.ask('held?');
  const heldJob = await worker.job(0);
  worker.say(heldJob, '一半');
  const orphan = edge.ask('orphaned?');
  const orphanJob = await worker.job(1);
  const tool = edge.ask('with a tool?');
  worker.useTool(await worker.job(2), 'fs_read', { path: 'docs/a.md' });
  await edge.call();
  const waiting = edge.ask('after that?', { conversation: held.conversation });
  await edge.until(() => edge.all('askVerdict').length === 4);
  // Everything is cut at once; nothing is told to anybody.
  await control.stop(1);
  await Promise.all([edge.ended, worker.ended]);
  await control.boot();

  const back = control.closing(await moved(device).connect());
  for (const { run } of [held, orphan, tool, waiting]) back.send({ case: 'followRun', value: { run } });
  const again = await control.worker({ bootId, held: [worker.held(heldJob)], slots: 8, credits: 8 });
  expect((await again.frame('welcome')).drop).toEqual([]);
  again.say(heldJob, '一半');
  again.reply(heldJob, '，另一半');
  // The text that came before the restart is here again, and goes on.
  expect((await back.end(held.run)).answer).toBe('一半，另一半');
  expect(back.text(held.run)).toMatchObject({ epoch: 1, text: '一半，另一半' });
  back.done(await back.call(), ReadResponseSchema, { text: 'a' });
  const answers = new Map([
    [orphan.run, 'the orphan'],
    [tool.run, 'the tool'],
    [waiting.run, 'the last'],
  ]);
  const done = new Set<string>();
  while (done.size < answers.size) {
    const job = await again.until(() => again.all('job').find(({ dispatchId }) => !done.has(dispatchId)));
    done.add(job.dispatchId);
    if (job.run === orphan.run) expect([job.job, job.epoch]).toEqual([orphanJob.job, 2n]);
    again.reply(job, answers.get(job.run) ?? 'unexpected');
  }
  for (const [run, answer] of answers) expect((await back.end(run)).answer).toBe(answer);
  // The old worker's result of the orphan is not used any more.
  again.result(orphanJob);
  await again.until(() => again.all('resultCommitted').some((each) => each.dispatchId === orphanJob.dispatchId));
  await Promise.all([back.cut(), again.cut()]);
});

test('a stop waits for the direct calls under way; a call that outlasts it is sent elsewhere, and its run goes on', async () => {
  const worker = await control.worker({ name: 'last-orders' });
  const text = async (key: string) => {
    let said = '';
    const headers = key === '' ? {} : { 'bowline-idempotency-key': key };
    for await (const { event } of control.client(LlmService).chat(question, { headers }))
      if (event.case === 'text') said += event.value.text;
    return said;
  };
  const short = text('');
  const shortJob = await worker.job(0);
  const long = refusal(text('outlasts-the-stop'));
  const longJob = await worker.job(1);
  const stopped = control.stop(3_000);
  await worker.frame('drain');
  worker.reply(shortJob, 'the end of it');
  expect(await short).toBe('the end of it');
  expect(await long).toMatchObject({ code: 'Unavailable', reason: 'REPLICA_LEAVING' });
  expect(await stopped).toBe(true);
  expect(worker.all('cancel')).toEqual([]);

  await control.boot();
  const again = text('outlasts-the-stop');
  const back = await control.worker({ name: 'last-orders', held: [worker.held(longJob)] });
  back.reply(await back.until(() => back.all('job').at(0) ?? longJob), 'the answer');
  expect(await again).toBe('the answer');
  expect(
    (await control.client(RunService).listRuns({})).runs.filter(({ state }) => state === RunState.CANCELLED),
  ).toEqual([]);
  await back.cut();
});

test('a stop ends within its time although a worker hangs, and the job is done after the next start', async () => {
  const device = moved(await control.device());
  const edge = control.closing(await device.connect());
  const hanging = await control.worker({ name: 'hanging' });
  const { run } = edge.ask('hang?');
  const job = await hanging.job();
  hanging.pause();
  hanging.answersPings = false;
  const from = performance.now();
  const stopped = control.stop(3_000);
  expect((await edge.frame('drain')).timeout).toBeDefined();
  expect(await stopped).toBe(true);
  expect(performance.now() - from).toBeLessThan(3_500);
  hanging.resume();
  await hanging.ended;
  await control.boot();
  const back = control.closing(await moved(device).connect());
  back.send({ case: 'followRun', value: { run } });
  const next = await control.worker({ name: 'next' });
  const second = await next.job();
  expect([second.job, second.epoch]).toEqual([job.job, 2n]);
  next.reply(second, 'done');
  expect((await back.end(run)).answer).toBe('done');
  await Promise.all([back.cut(), next.cut()]);
});

test('a drain waits for the jobs that workers have, and starts nothing new on them', async () => {
  const device = moved(await control.device());
  const edge = control.closing(await device.connect());
  const worker = await control.worker();
  const first = edge.ask('first?');
  const job = await worker.job();
  const stopped = control.stop(4_000);
  await worker.frame('drain');
  const second = edge.ask('second?');
  await edge.until(() => edge.all('askVerdict').length === 2);
  worker.reply(job, 'in time');
  expect((await edge.end(first.run)).answer).toBe('in time');
  expect(await stopped).toBe(true);
  expect(worker.all('job')).toHaveLength(1);
  await control.boot();
  const back = control.closing(await moved(device).connect());
  back.send({ case: 'followRun', value: { run: second.run } });
  const next = await control.worker();
  next.reply(await next.job(), 'later');
  expect((await back.end(second.run)).answer).toBe('later');
  await Promise.all([back.cut(), next.cut()]);
});

test('a store that commits and then reports a timeout, or fails before it writes, changes nothing', async () => {
  await control.stop();
  let faulty: FaultyEventStore | undefined;
  await control.boot({
    wrapStore: (store) => {
      faulty = new FaultyEventStore(store, { seed: 11, commitThenTimeout: 0.35, failBefore: 0.15 });
      return faulty;
    },
  });
  const device = moved(await control.device());
  let edge = control.closing(await device.connect());
  const worker = await control.worker({ slots: 8 });
  const asked = Array.from({ length: 6 }, (_, i) => ({ ...edge.ask(`write ${i}`), text: `write ${i}` }));
  const answered = new Map<string, number>();
  const replied = new Set<string>();
  const calls = new Map<string, Set<string>>();
  for (const until = performance.now() + 12_000; answered.size < asked.length && performance.now() < until; ) {
    if (edge.isOver) {
      // As an edge does: it connects again and presents what has no answer.
      edge = control.closing(await device.connect());
      for (const ask of asked) edge.ask(ask.text, ask);
    }
    for (const job of worker.all('job')) {
      if (replied.has(job.dispatchId)) continue;
      replied.add(job.dispatchId);
      if (job.job.endsWith('/0/0')) {
        worker.useTool(job, 'fs_write', { path: 'docs/a.md', text: job.run, mode: 'WRITE_MODE_REPLACE' });
      } else {
        worker.reply(job, `answer of ${job.run}`);
      }
    }
    for (const envelope of edge.all('toolCall')) {
      const call = device.open(envelope);
      const id = `${call.job}-${call.epoch}`;
      if (calls.has(id)) continue;
      calls.set(id, new Set([call.idempotencyKey]));
      edge.done(call, WriteResponseSchema, { file: { path: 'docs/a.md' } });
    }
    for (const { run, outcome } of edge.all('runEnded')) answered.set(run, outcome?.state ?? 0);
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  expect(asked.map(({ run }) => answered.get(run))).toEqual(asked.map(() => RunState.ANSWERED));
  const api = control.client(RunService);
  for (const { run } of asked) {
    const shown = (await api.getRun({ id: run })).run;
    expect(shown?.outcome?.answer).toBe(`answer of ${run}`);
    expect(shown?.jobs.map(({ state }) => state)).toEqual([JobState.DONE, JobState.DONE, JobState.DONE]);
  }
  expect(faulty?.played.commitThenTimeout).toBeGreaterThan(0);
  expect(faulty?.played.failBefore).toBeGreaterThan(0);
  // The device was asked for each write once.
  expect(calls.size).toBe(asked.length);
  await Promise.all([edge.cut(), worker.cut()]);
});
