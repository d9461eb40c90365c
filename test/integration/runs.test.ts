// Runs through the real control plane, from an edge's ask to its answer, over real streams.
import { afterAll, beforeAll, expect, test } from 'vitest';
import { ReadRequestSchema, ReadResponseSchema } from '../../gen/bowline/capability/fs/v1/fs_pb.ts';
import { JobState, RunState } from '../../gen/bowline/run/v1/run_pb.ts';
import { TestControl } from '../support/control-plane.ts';
import { EdgeStream } from '../support/fake-edge.ts';
import { WorkerStream } from '../support/fake-worker.ts';

let control: TestControl;
beforeAll(async () => {
  control = await TestControl.start();
});
afterAll(() => control.close());

test('an ask goes to the model, a tool of its device, the model again, and back as text, jobs and an answer', async () => {
  const device = await control.device();
  const edge = control.closing(await device.connect());
  const worker = await control.worker();
  const { run } = edge.ask('What does notes.md say?');
  expect((await edge.frame('eventOutcome')).refused).toBeUndefined();
  const first = await worker.job(0);
  expect(WorkerStream.chat(first).messages.at(-1)?.parts[0]?.part.value).toBe('What does notes.md say?');
  worker.useTool(first, 'fs_read', { path: 'docs/notes.md' });
  const call = await edge.call();
  expect(call.method).toBe('bowline.capability.fs.v1.FsService/Read');
  expect(call.run).toBe(run);
  expect(Buffer.from(call.sessionNonce)).toEqual(Buffer.from((await edge.frame('welcome')).sessionNonce));
  expect(EdgeStream.params(call, ReadRequestSchema).path).toBe('docs/notes.md');
  edge.done(call, ReadResponseSchema, { text: 'the launch is on friday' });
  await edge.frame('toolResultCommitted');
  const second = await worker.job(1);
  expect(JSON.stringify(WorkerStream.chat(second).messages.at(-1)?.parts[0]?.part.value)).toContain('friday');
  worker.say(second, 'It is ');
  await edge.until(() => edge.text(run).text === 'It is ');
  worker.say(second, 'on Friday.');
  worker.conclude(second);
  const outcome = await edge.end(run);
  expect(outcome.state).toBe(RunState.ANSWERED);
  expect(outcome.answer).toBe('It is on Friday.');
  expect(edge.text(run).text).toBe('It is on Friday.');
  expect(outcome.jobs.map(({ state }) => state)).toEqual([JobState.DONE, JobState.DONE, JobState.DONE]);
  const shown = edge.all('runUpdate').flatMap(({ job }) => (job ? [`${job.target} ${job.state}`] : []));
  expect(shown).toContain(`device ${device.name} ${JobState.RUNNING}`);
  expect(shown).toContain(`worker w1 (rules) ${JobState.DONE}`);
  await worker.until(() => worker.all('resultCommitted').length === 2);
  await edge.cut();
  await worker.cut();
});
