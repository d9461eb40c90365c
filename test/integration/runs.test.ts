// Runs through the real control plane, from an edge's ask to its answer, over real streams.
import { afterAll, beforeAll, expect, test } from 'vitest';
import {
  FsService,
  ReadRequestSchema,
  ReadResponseSchema,
  WriteResponseSchema,
} from '../../gen/bowline/capability/fs/v1/fs_pb.ts';
import { ConversationService } from '../../gen/bowline/control/v1/conversation_service_pb.ts';
import { RunService } from '../../gen/bowline/control/v1/run_service_pb.ts';
import { UsageBy, UsageService } from '../../gen/bowline/control/v1/usage_service_pb.ts';
import { JobState, RunState } from '../../gen/bowline/run/v1/run_pb.ts';
import { newId } from '../../src/base/ids.ts';
import { eventually, refusal, TestControl } from '../support/control-plane.ts';
import { EdgeStream } from '../support/fake-edge.ts';
import { WorkerStream } from '../support/fake-worker.ts';

let control: TestControl;
beforeAll(async () => {
  control = await TestControl.start({ config: { maxTextBytes: 4 << 20 } });
});
afterAll(async () => {
  await control.close();
  expect(control.lines.filter(({ level }) => level >= 50)).toEqual([]);
});

const runs = () => control.client(RunService);
const conversations = () => control.client(ConversationService);

test('an ask goes to the model, a tool of its device, the model again, and back as text, jobs and an answer', async () => {
  const device = await control.device();
  const edge = control.closing(await device.connect());
  const worker = await control.worker();
  const { run } = edge.ask('What does notes.md say?');
  expect((await edge.frame('askVerdict')).refused).toBeUndefined();
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
  const { sums } = await control.client(UsageService).getUsage({ by: UsageBy.DEVICE });
  expect(sums.find(({ title }) => title === device.name)).toMatchObject({
    jobs: 2n,
    inputTokens: 6n,
    outputTokens: 4n,
  });
  await edge.cut();
  await worker.cut();
});

test('two asks of one conversation run one after the other, and the second hears of the first', async () => {
  const edge = control.closing(await (await control.device()).connect());
  const worker = await control.worker();
  const first = edge.ask('one?');
  const second = edge.ask('two?', { conversation: first.conversation });
  const one = await worker.job(0);
  expect(one.run).toBe(first.run);
  const explained = await runs().explainRun({ id: second.run });
  expect(explained).toMatchObject({ reason: 'CONVERSATION_TURN', act: expect.stringContaining(`cancel ${first.run}`) });
  expect(explained.summary).toBe(`It waits for the run before it in its conversation, ${first.run}.`);
  worker.reply(one, 'first answer');
  const two = await worker.job(1);
  expect(two.run).toBe(second.run);
  const said = WorkerStream.chat(two).messages.map(({ parts }) => parts[0]?.part.value);
  expect(said.slice(-3)).toEqual(['one?', 'first answer', 'two?']);
  expect(worker.all('job')).toHaveLength(2);
  worker.reply(two, 'second answer');
  expect((await edge.end(second.run)).answer).toBe('second answer');
  const { conversation, runs: shown } = await conversations().getConversation({ id: first.conversation });
  expect([conversation?.turns, shown.length]).toEqual([2, 2]);
  await edge.cut();
  await worker.cut();
});

test('the same event again is answered the same and runs once; the same run with other words is refused', async () => {
  const edge = control.closing(await (await control.device()).connect());
  const worker = await control.worker();
  const asked = edge.ask('once?');
  edge.ask('once?', asked);
  const job = await worker.job();
  await edge.until(() => edge.all('askVerdict').length === 2);
  worker.reply(job, 'once.');
  await edge.end(asked.run);
  edge.ask('once?', asked);
  edge.ask('something else', { run: asked.run, conversation: asked.conversation });
  const outcomes = await edge.until(() => edge.all('askVerdict').length === 4 && edge.all('askVerdict'));
  expect(outcomes.map(({ refused }) => refused?.reason)).toEqual([undefined, undefined, undefined, 'RUN_EXISTS']);
  // The repeat is followed to its end again.
  await edge.until(() => edge.all('runEnded').length === 2);
  expect(worker.all('job')).toHaveLength(1);
  await edge.cut();
  await worker.cut();
});

test('a job that a worker gives back because it leaves goes to another at once, as no failure', async () => {
  const edge = control.closing(await (await control.device()).connect());
  const [leaving, staying] = [await control.worker({ labels: { spot: 'true' } }), await control.worker({ slots: 1 })];
  staying.credits(0);
  const { run } = edge.ask('谁来回答？');
  const { dispatchId, epoch } = await leaving.job();
  leaving.send({ case: 'drain', value: { timeout: { seconds: 20n } } });
  leaving.send({ case: 'result', value: { dispatchId, epoch, result: { case: 'stopped', value: {} } } });
  const why = await eventually(async () => {
    const explained = await runs().explainRun({ id: run });
    return explained.reason === 'PREEMPTED' && explained;
  });
  expect(why.summary).toContain('gave it back, because it was to leave');
  staying.credits(1);
  staying.reply(await staying.job(), '我。');
  const outcome = await edge.end(run);
  expect(outcome).toMatchObject({ answer: '我。', jobs: [{ attempts: 2 }] });
  expect(outcome.jobs[0]?.failure).toBeUndefined();
  await edge.cut();
  await leaving.cut();
  await staying.cut();
});

test('without a worker a run says at once what it waits for, and goes on by itself when one connects', async () => {
  const edge = control.closing(await (await control.device()).connect());
  const { run } = edge.ask('anyone?');
  const waits = () => edge.all('runUpdate').filter((update) => update.run === run && !update.job);
  const [told] = await edge.until(() => waits().length === 1 && waits());
  expect(told?.waitsFor).toContain('No worker is connected');
  const { jobs } = await runs().explainRun({ id: run });
  expect(jobs).toMatchObject([{ never: true, waitsFor: told?.waitsFor, reason: 'NO_WORKER' }]);
  const job = `${run}/0/0`;
  expect(await runs().explainRun({ id: job })).toMatchObject({ reason: 'NO_WORKER', jobs: [{ job }] });
  expect(await refusal(runs().explainRun({ id: `${run}/7/0` }))).toMatchObject({ reason: 'NOT_FOUND' });
  const worker = await control.worker();
  worker.reply(await worker.job(), 'yes');
  expect((await edge.end(run)).answer).toBe('yes');
  expect(waits().at(-1)?.waitsFor).toBe('');

  // The last worker leaves while a job waits in the queue for a slot.
  worker.credits(0);
  const queued = edge.ask('and now?').run;
  await edge.until(() => edge.all('runUpdate').some((update) => update.run === queued && update.job));
  await worker.cut();
  await edge.until(() => edge.all('runUpdate').some((u) => u.run === queued && u.waitsFor.includes('No worker')));
  const other = await control.worker();
  other.reply(await other.job(), 'now too');
  expect((await edge.end(queued)).answer).toBe('now too');
  await edge.cut();
  await other.cut();
});

test('a cancel from the edge reaches the worker, frees the conversation, and a late result is acknowledged and not used', async () => {
  const edge = control.closing(await (await control.device()).connect());
  const worker = await control.worker();
  const { run, conversation } = edge.ask('never mind?');
  const job = await worker.job();
  worker.say(job, 'a beginning');
  await edge.until(() => edge.text(run).text !== '');
  edge.send({ case: 'cancelRun', value: { run, sequence: BigInt(++edge.edge.sequence) } });
  expect((await worker.frame('cancel')).dispatchId).toBe(job.dispatchId);
  expect((await edge.end(run)).state).toBe(RunState.CANCELLED);
  worker.reply(job, ' and an end');
  expect((await worker.frame('resultCommitted')).dispatchId).toBe(job.dispatchId);
  const shown = (await runs().getRun({ id: run })).run;
  expect(shown?.state).toBe(RunState.CANCELLED);
  expect(shown?.outcome?.answer).not.toContain('an end');
  const next = edge.ask('and this?', { conversation });
  worker.reply(await worker.job(1), 'this');
  expect((await edge.end(next.run)).answer).toBe('this');
  await edge.cut();
  await worker.cut();
});

test('what a job used until a cancel stopped it is charged', async () => {
  const edge = control.closing(await (await control.device()).connect());
  const worker = await control.worker();
  const { run } = edge.ask('never mind?');
  const { dispatchId, epoch } = await worker.job();
  await runs().cancelRun({ id: run, requestId: 'charged' });
  expect((await worker.frame('cancel')).dispatchId).toBe(dispatchId);
  const usage = { inputTokens: 30n, outputTokens: 4n, costMicros: 70n };
  worker.send({ case: 'result', value: { dispatchId, epoch, result: { case: 'stopped', value: {} }, usage } });
  await worker.frame('resultCommitted');
  const shown = (await runs().getRun({ id: run })).run;
  expect(shown?.state).toBe(RunState.CANCELLED);
  expect(shown?.outcome?.usage).toMatchObject(usage);
  await edge.cut();
  await worker.cut();
});

test('a cancel through the API reaches the device, and the run ends although the device has not answered', async () => {
  const edge = control.closing(await (await control.device()).connect());
  const worker = await control.worker();
  const { run } = edge.ask('write it');
  worker.useTool(await worker.job(), 'fs_write', { path: 'docs/a.md', text: 'a', mode: 'WRITE_MODE_CREATE' });
  const call = await edge.call();
  const cancelled = await runs().cancelRun({ id: run, requestId: 'r1' });
  expect(cancelled.run?.state).toBe(RunState.CANCELLED);
  expect(cancelled.run?.jobs.at(-1)?.state).toBe(JobState.CANCELLING);
  expect(await edge.frame('cancelTool')).toMatchObject({ job: call.job, epoch: 1n });
  await edge.end(run);
  // What became of it is told later, and recorded.
  edge.done(call, WriteResponseSchema, {});
  await edge.frame('toolResultCommitted');
  expect((await runs().getRun({ id: run })).run?.jobs.at(-1)?.state).toBe(JobState.DONE);
  expect((await runs().cancelRun({ id: run, requestId: 'r1' })).run?.state).toBe(RunState.CANCELLED);
  await edge.cut();
  await worker.cut();
});

test('a call that is cancelled while the session is lost ends when the device comes back without it', async () => {
  const device = await control.device();
  const edge = control.closing(await device.connect());
  const write = refusal(
    control
      .client(FsService)
      .write(
        { path: 'a', text: 'a' },
        { headers: { 'bowline-device': device.device, 'bowline-idempotency-key': newId() } },
      ),
  );
  const { run } = await edge.call();
  await edge.cut();
  await runs().cancelRun({ id: run, requestId: 'lost' });
  await write;
  const jobOf = async () => (await runs().getRun({ id: run })).run?.jobs.at(-1)?.state;
  expect(await jobOf()).toBe(JobState.CANCELLING);
  const back = control.closing(await device.connect());
  // Its end is not waited for any longer: the timer for that would take a minute.
  await eventually(async () => (await jobOf()) === JobState.CANCELLED);
  expect(back.all('toolCall')).toEqual([]);
  await back.cut();
});

test('an edge that follows a run which is not there is told so', async () => {
  const device = await control.device();
  const edge = control.closing(await device.connect());
  const run = newId();
  edge.send({ case: 'followRun', value: { run } as never });
  expect((await edge.frame('runUnknown')).run).toBe(run);
  await edge.cut();
});

test('a cancel while the device is away reaches it when it is back', async () => {
  const device = await control.device();
  const edge = control.closing(await device.connect());
  const worker = await control.worker();
  const { run } = edge.ask('write it');
  worker.useTool(await worker.job(), 'fs_write', { path: 'docs/a.md', text: 'a', mode: 'WRITE_MODE_CREATE' });
  const { job, idempotencyKey } = await edge.call();
  await edge.cut();
  await runs().cancelRun({ id: run, requestId: '' });
  const open = { $typeName: 'bowline.edge.v1.OpenToolCall' as const, job, idempotencyKey, running: true };
  const back = control.closing(await device.connect({ openToolCalls: [open] }));
  expect(await back.frame('cancelTool')).toMatchObject({ job });
  expect(back.all('toolCall')).toEqual([]);
  await back.cut();
  await worker.cut();
});

test('a run that takes too long is timed out, and its worker is told', async () => {
  const edge = control.closing(await (await control.device()).connect());
  const worker = await control.worker();
  const { run } = edge.ask('slow?', { timeoutMs: 300 });
  const job = await worker.job();
  const outcome = await edge.end(run);
  expect(outcome.state).toBe(RunState.TIMED_OUT);
  expect(outcome.failure?.reason).toBe('DEADLINE_EXCEEDED');
  expect((await worker.frame('cancel')).dispatchId).toBe(job.dispatchId);
  await edge.cut();
  await worker.cut();
});

test('a message of a model that cannot be read, and a text that is too long, end the job and not the session', async () => {
  const edge = control.closing(await (await control.device()).connect());
  const worker = await control.worker();
  const broken = edge.ask('broken?');
  const job = await worker.job(0);
  const { dispatchId, epoch } = job;
  worker.send({ case: 'output', value: { dispatchId, epoch, index: 0n, response: new Uint8Array([0xff]) } });
  expect((await worker.frame('cancel')).dispatchId).toBe(dispatchId);
  const again = await worker.job(1);
  expect([again.job, again.epoch]).toEqual([job.job, 2n]);
  for (let i = 0; i < 40; i++) worker.say(again, 'x'.repeat(1 << 20).slice(0, 120_000));
  const outcome = await edge.end(broken.run);
  expect(outcome.failure?.reason).toBe('LIMIT_EXCEEDED');
  expect(worker.isOver).toBe(false);
  await edge.cut();
  await worker.cut();
});

test('watching a run shows it, its jobs, its text and its end', async () => {
  const edge = control.closing(await (await control.device()).connect());
  const worker = await control.worker();
  const { run } = edge.ask('watched?');
  const job = await worker.job();
  const seen: string[] = [];
  let text = '';
  for await (const { event } of runs().watchRun({ id: run })) {
    if (event.case === 'run') seen.push(`run ${event.value.state}`);
    if (event.case === 'text') text += event.value.text;
    if (event.case === 'run' && seen.length === 1) worker.reply(job, '看见了');
  }
  expect(seen).toEqual([`run ${RunState.RUNNING}`, `run ${RunState.ANSWERED}`]);
  expect(text).toBe('看见了');
  await edge.cut();
  await worker.cut();
});
