// The streams of edges and workers: what comes back after a cut, what is refused, what is noticed, what is bounded.
import { create } from '@bufbuild/protobuf';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { ReadResponseSchema, WriteResponseSchema } from '../../gen/bowline/capability/fs/v1/fs_pb.ts';
import { DeviceService, DeviceState } from '../../gen/bowline/control/v1/device_service_pb.ts';
import { RunService } from '../../gen/bowline/control/v1/run_service_pb.ts';
import { WorkerPoolService } from '../../gen/bowline/control/v1/worker_pool_service_pb.ts';
import { SupersedeReason } from '../../gen/bowline/edge/v1/edge_pb.ts';
import { JobState, RunState } from '../../gen/bowline/run/v1/run_pb.ts';
import { JobAssignmentSchema } from '../../gen/bowline/worker/v1/worker_pb.ts';
import { newId } from '../../src/base/ids.ts';
import { eventually, refusalOf, TestControl } from '../support/control-plane.ts';
import { headOf } from '../support/fake-edge.ts';
import { LLM, WorkerStream, workerHello } from '../support/fake-worker.ts';

/** Four-byte and three-byte characters, so that offsets in bytes and in characters differ. */
const CHINESE = '北京的秋天很美，𠮷野家在那里。';

let control: TestControl;
beforeAll(async () => {
  control = await TestControl.start();
});
afterAll(async () => {
  await control.close();
  expect(control.lines.filter(({ level }) => level >= 50)).toEqual([]);
});

const runs = () => control.client(RunService);
const deviceOf = async (id: string) => (await control.client(DeviceService).getDevice({ id })).device;

test('an edge that reconnects in mid-answer reads on from its offset', async () => {
  const device = await control.device();
  const edge = control.closing(await device.connect());
  const worker = await control.worker();
  const { run } = edge.ask('哪里？');
  const job = await worker.job();
  worker.say(job, CHINESE);
  const before = await edge.until(() => edge.text(run).text === CHINESE && edge.text(run));
  await edge.cut();
  worker.say(job, CHINESE);
  const offset = BigInt(Buffer.byteLength(CHINESE));
  const at = { job: before.job, epoch: BigInt(before.epoch), offset };
  const follows = [{ $typeName: 'bowline.edge.v1.FollowRun' as const, run, ...at }];
  const back = control.closing(await device.connect({ follows }));
  worker.say(job, '完');
  worker.conclude(job);
  const outcome = await back.end(run);
  const chunks = back.all('runText').map(({ chunk }) => chunk!);
  expect(chunks[0]?.offset).toBe(offset);
  expect(chunks.map(({ text }) => text).join('')).toBe(`${CHINESE}完`);
  expect(outcome.answer).toBe(`${CHINESE}${CHINESE}完`);
  await back.cut();
  await worker.cut();
});

test('a position inside a character is moved to the next one, so that no text comes twice or broken', async () => {
  const edge = control.closing(await (await control.device()).connect());
  const worker = await control.worker();
  const { run } = edge.ask('哪里？');
  const job = await worker.job();
  worker.say(job, '北京');
  await edge.until(() => edge.text(run).text === '北京');
  edge.send({ case: 'followRun', value: { run, job: job.job, epoch: 1n, offset: 1n } });
  await edge.until(() => edge.all('runText').length === 2);
  worker.say(job, '！');
  await edge.until(() => edge.all('runText').length === 3);
  const tail = edge.all('runText').map(({ chunk }) => [Number(chunk?.offset), chunk?.text]);
  expect(tail.slice(1)).toEqual([
    [3, '京'],
    [6, '！'],
  ]);
  worker.conclude(job);
  await edge.end(run);
  await edge.cut();
  await worker.cut();
});

test('a worker that is replaced in mid-answer: a higher epoch, a clean beginning, nothing spliced', async () => {
  const edge = control.closing(await (await control.device()).connect());
  const lost = await control.worker({ name: 'lost' });
  const { run } = edge.ask('哪里？');
  const first = await lost.job();
  lost.say(first, CHINESE);
  await edge.until(() => edge.text(run).text === CHINESE);
  const next = await control.worker({ name: 'next' });
  await lost.cut();
  const second = await next.job();
  expect([second.job, second.epoch]).toEqual([first.job, 2n]);
  next.say(second, '上海');
  await edge.until(() => edge.text(run).epoch === 2);
  next.say(second, '的冬天');
  next.conclude(second);
  const outcome = await edge.end(run);
  expect(edge.text(run)).toEqual({ job: first.job, epoch: 2, text: '上海的冬天' });
  expect(outcome.answer).toBe('上海的冬天');
  expect(outcome.jobs[0]).toMatchObject({ attempts: 2, target: 'worker next (rules)', state: JobState.DONE });
  const epochs = edge.all('runText').map(({ chunk }) => Number(chunk?.epoch));
  expect(epochs).toEqual([...epochs].sort());
  await edge.cut();
  await next.cut();
});

test('a worker that comes back in time goes on with its jobs under the same epoch; stale ones are dropped', async () => {
  const edge = control.closing(await (await control.device()).connect());
  const bootId = newId();
  const worker = await control.worker({ bootId });
  const { run } = edge.ask('where?');
  const job = await worker.job();
  worker.say(job, '一');
  await edge.until(() => edge.text(run).text === '一');
  const held = worker.held(job);
  await worker.cut();
  const stale = { dispatchId: `${newId()}/0/0-1`, epoch: 1n, nextIndex: 3n };
  const back = await control.worker({ bootId, held: [held, stale] });
  expect((await back.frame('welcome')).drop).toEqual([stale.dispatchId]);
  // Everything is sent again under the same numbers, as a worker does.
  back.say(job, '一');
  back.say(job, '二');
  back.conclude(job);
  expect((await edge.end(run)).answer).toBe('一二');
  expect(edge.text(run)).toEqual({ job: job.job, epoch: 1, text: '一二' });
  await back.frame('resultCommitted');
  await edge.cut();
  await back.cut();
});

test('nobody goes on with, or answers for, a job that another worker has', async () => {
  const edge = control.closing(await (await control.device()).connect());
  const worker = await control.worker({ name: 'honest' });
  const { run } = edge.ask('whose?');
  const job = await worker.job();
  const thief = await control.worker({ name: 'thief', held: [worker.held(job)], credits: 0 });
  expect((await thief.frame('welcome')).drop).toEqual([job.dispatchId]);
  thief.say(job, 'mine');
  thief.conclude(job);
  expect((await thief.frame('resultCommitted')).dispatchId).toBe(job.dispatchId);
  // A tool call of the run is nothing for a worker either.
  worker.useTool(job, 'fs_read', { path: 'docs/a.md' });
  const call = await edge.call();
  const forged = create(JobAssignmentSchema, { dispatchId: `${call.job}-1`, job: call.job, epoch: 1n });
  const other = await control.worker({ name: 'forger', held: [worker.held(forged)], credits: 0 });
  expect((await other.frame('welcome')).drop).toEqual([forged.dispatchId]);
  other.reply(forged, 'forged');
  await other.frame('resultCommitted');
  edge.done(call, ReadResponseSchema, { text: 'true' });
  worker.reply(await worker.job(1), 'true');
  expect((await edge.end(run)).answer).toBe('true');
  await Promise.all([edge.cut(), worker.cut(), thief.cut(), other.cut()]);
});

test('a device cannot answer for the call of another device', async () => {
  const edge = control.closing(await (await control.device()).connect());
  const other = control.closing(await (await control.device()).connect());
  const worker = await control.worker();
  const { run } = edge.ask('whose?');
  worker.useTool(await worker.job(), 'fs_read', { path: 'docs/a.md' });
  const call = await edge.call();
  other.done(call, ReadResponseSchema, { text: 'forged' });
  await other.frame('toolResultCommitted');
  other.send({ case: 'cancelRun', value: { run, sequence: 99n } });
  other.send({ case: 'followRun', value: { run } });
  other.send({ case: 'ping', value: { nonce: 7n } });
  await other.frame('pong');
  edge.done(call, ReadResponseSchema, { text: 'true' });
  const second = await worker.job(1);
  expect(JSON.stringify(WorkerStream.chat(second).messages.at(-1)?.parts[0]?.part.value)).toContain('true');
  worker.reply(second, 'done');
  expect((await edge.end(run)).state).toBe(RunState.ANSWERED);
  expect(other.all('runUpdate')).toEqual([]);
  await Promise.all([edge.cut(), other.cut(), worker.cut()]);
});

test('a worker never has more jobs than credits, also when it tells them while a job is on its way to it', async () => {
  const edge = control.closing(await (await control.device()).connect());
  const worker = await control.worker({ slots: 2, credits: 0 });
  const asked = Array.from({ length: 12 }, () => edge.ask('many?'));
  await edge.until(() => edge.all('askVerdict').length === 12);
  let done = 0;
  let most = 0;
  const free = () => 2 - (worker.all('job').length - done);
  // Credits are told again and again, each time as this side sees them at that moment.
  const telling = setInterval(() => worker.credits(Math.max(free(), 0)), 1);
  worker.credits(2);
  try {
    while (done < asked.length) {
      const job = await worker.job(done);
      most = Math.max(most, worker.all('job').length - done);
      worker.say(job, 'x');
      await worker.until(() => worker.all('job').length > done + 1 || worker.all('job').length === asked.length);
      most = Math.max(most, worker.all('job').length - done);
      done++;
      worker.conclude(job);
    }
  } finally {
    clearInterval(telling);
  }
  for (const { run } of asked) expect((await edge.end(run)).state).toBe(RunState.ANSWERED);
  expect(most).toBe(2);
  await Promise.all([edge.cut(), worker.cut()]);
});

test('a result of an attempt that was given up is recorded as late, charged and acknowledged, and changes nothing', async () => {
  const edge = control.closing(await (await control.device()).connect());
  const bootId = newId();
  const slow = await control.worker({ bootId, name: 'slow' });
  const { run } = edge.ask('late?');
  const first = await slow.job();
  await slow.cut();
  const quick = await control.worker({ name: 'quick' });
  const second = await quick.job();
  const back = await control.worker({ bootId, name: 'slow', held: [slow.held(first, true)], credits: 0 });
  expect((await back.frame('welcome')).drop).toEqual([first.dispatchId]);
  back.say(first, 'too late');
  back.conclude(first);
  await back.frame('resultCommitted');
  quick.reply(second, 'in time');
  const outcome = await edge.end(run);
  expect(outcome.answer).toBe('in time');
  expect(outcome.usage?.outputTokens).toBe(4n);
  await Promise.all([edge.cut(), quick.cut(), back.cut()]);
});

test('a NUL in a text, which no database takes, does not keep an answer from coming', async () => {
  const edge = control.closing(await (await control.device()).connect());
  const worker = await control.worker();
  const { run } = edge.ask('nul?');
  worker.reply(await worker.job(), 'a\0b');
  expect((await edge.end(run)).state).toBe(RunState.ANSWERED);
  await worker.frame('resultCommitted');
  await Promise.all([edge.cut(), worker.cut()]);
});

test('a worker that claims a package beyond its key, or speaks only a newer version, is refused', async () => {
  const { key } = await control
    .client(WorkerPoolService)
    .createWorkerKey({ name: 'narrow', packages: [LLM], pool: 'default' });
  const wide = new WorkerStream(control.url, key);
  wide.send({ case: 'hello', value: workerHello({ packages: [LLM, 'bowline.capability.web.v1'] }) });
  const claimed = refusalOf((await wide.ended)!);
  expect(claimed).toMatchObject({ code: 'PermissionDenied', reason: 'WORKER_CLAIM_REFUSED' });
  expect(claimed.message).toContain('bowline.capability.web.v1');

  const newer = new WorkerStream(control.url, key);
  const versions = { $typeName: 'bowline.common.v1.VersionRange' as const, min: 2, max: 9 };
  newer.send({ case: 'hello', value: Object.assign(workerHello(), { versions }) });
  expect(refusalOf((await newer.ended)!)).toMatchObject({ code: 'FailedPrecondition', reason: 'VERSION_UNSUPPORTED' });

  const edge = (await control.device()).stream();
  edge.send({ case: 'hello', value: edge.edge.hello({ versions }) });
  expect(refusalOf((await edge.ended)!)).toMatchObject({ code: 'FailedPrecondition', reason: 'VERSION_UNSUPPORTED' });
});

test('frames out of order, too large or too early end the session with what was wrong; an empty one, an unknown case and a malformed ask do not', async () => {
  const device = await control.device();
  const header = (seq: bigint) => ({ seq, ackSeq: 0n });
  const ping = { case: 'ping', value: { nonce: 1n } } as const;

  const skipped = await device.connect();
  skipped.sendRaw({ header: header(9n), frame: ping });
  expect(refusalOf((await skipped.ended)!)).toMatchObject({ reason: 'FRAME_OUT_OF_ORDER' });

  const repeated = await device.connect();
  repeated.sendRaw({ header: header(1n), frame: ping });
  expect(refusalOf((await repeated.ended)!)).toMatchObject({ code: 'InvalidArgument', reason: 'FRAME_OUT_OF_ORDER' });

  const headless = await device.connect();
  headless.sendRaw({ frame: ping });
  expect(refusalOf((await headless.ended)!)).toMatchObject({ reason: 'FRAME_OUT_OF_ORDER' });

  const malformed = await device.connect();
  malformed.ask('', {});
  // An ask that breaks its contract is refused alone, so that it is not sent again at each reconnect.
  expect((await malformed.frame('askVerdict')).refused).toMatchObject({ reason: 'MESSAGE_REFUSED' });
  expect(malformed.isOver).toBe(false);
  await malformed.cut();

  const empty = await device.connect();
  const nothing = empty.header();
  empty.sendRaw({ header: nothing });
  expect((await empty.frame('unimplemented')).seq).toBe(nothing.seq);
  expect(empty.isOver).toBe(false);
  await empty.cut();

  const large = await device.connect();
  large.send({ case: 'ask', value: { text: 'x'.repeat(9 << 20) } });
  expect(refusalOf((await large.ended)!)).toMatchObject({ code: 'ResourceExhausted' });

  const twice = await device.connect();
  twice.send({ case: 'hello', value: device.hello() });
  expect(refusalOf((await twice.ended)!).message).toContain('second hello');

  const early = device.stream();
  early.send(ping);
  expect(refusalOf((await early.ended)!).message).toContain('hello');

  const newer = control.closing(await device.connect());
  const unknown = { no: 99, wireType: 2, data: new Uint8Array([2, 8, 1]) };
  const head = newer.header();
  newer.sendRaw({ header: head, $unknown: [unknown] });
  expect((await newer.frame('unimplemented')).seq).toBe(head.seq);
  newer.send(ping);
  await newer.frame('pong');
  await newer.cut();
});

test('a second edge with the same identity takes over, and the first is told so for good', async () => {
  const device = await control.device();
  const first = control.closing(await device.connect());
  const second = control.closing(await device.connect());
  const told = await first.frame('superseded');
  expect(told).toMatchObject({
    reason: SupersedeReason.SUPERSEDED,
    sessionEpoch: (await second.frame('welcome')).sessionEpoch,
  });
  expect(await first.ended).toBeUndefined();
  expect((await deviceOf(device.device))?.connected).toBe(true);
  // What the first still says changes nothing, and the second is the one that is called.
  const worker = await control.worker();
  const { run } = second.ask('who?');
  worker.useTool(await worker.job(), 'fs_read', { path: 'docs/a.md' });
  second.done(await second.call(), ReadResponseSchema, {});
  worker.reply(await worker.job(1), 'the second');
  await second.end(run);
  await second.cut();
  await eventually(async () => !(await deviceOf(device.device))?.connected);
  await worker.cut();
});

test('a journal that is behind, or different at the anchor, quarantines its device; a lost Welcome does not', async () => {
  const device = await control.device();
  device.sequence = 10;
  const first = await device.connect();
  const anchor = (await first.frame('welcome')).anchor;
  expect(anchor).toMatchObject({ journalId: device.journalId, sequence: 10n });
  await first.cut();
  const at = (sequence: number, anchored: number, hash = headOf(anchored)) => ({
    $typeName: 'bowline.record.v1.JournalPosition' as const,
    journalId: device.journalId,
    sequence: BigInt(sequence),
    headSha256: headOf(sequence),
    anchoredSequence: BigInt(anchored),
    anchoredSha256: hash,
  });
  const proven = await device.connect({ journal: at(20, 10) });
  expect((await proven.frame('welcome')).anchor?.sequence).toBe(20n);
  await proven.cut();
  // It never learned of the anchor at 20: it is told that one again, and served when it has shown that it holds it.
  const lost = await device.connect({ journal: at(30, 10) });
  expect((await lost.frame('welcome')).anchor?.sequence).toBe(20n);
  expect(await lost.ended).toBeUndefined();
  // It has pruned what was anchored, and says so.
  const pruned = await device.connect({ journal: at(40, 20, new Uint8Array()) });
  expect((await pruned.frame('welcome')).anchor?.sequence).toBe(40n);
  const worker = await control.worker();
  const { run } = pruned.ask('pending?');
  worker.useTool(await worker.job(), 'fs_write', { path: 'docs/a.md', text: 'a', mode: 'WRITE_MODE_CREATE' });
  await pruned.call();
  await pruned.cut();

  const forked = device.stream();
  forked.send({ case: 'hello', value: device.hello({ journal: at(50, 40, headOf(41)) }) });
  expect((await forked.frame('superseded')).reason).toBe(SupersedeReason.QUARANTINED);
  expect(await forked.ended).toBeUndefined();
  expect((await deviceOf(device.device))?.state).toBe(DeviceState.QUARANTINED);
  // Its pending calls are unknown, and it stays out although its journal looks right now.
  await eventually(async () => (await runs().getRun({ id: run })).run?.jobs[1]?.state === JobState.UNKNOWN);
  const again = device.stream();
  again.send({ case: 'hello', value: device.hello({ journal: at(60, 40) }) });
  expect((await again.frame('superseded')).reason).toBe(SupersedeReason.QUARANTINED);
  // Its owner takes it back, with the journal it has.
  const adopt = () => control.client(DeviceService).adoptDevice({ id: device.device });
  expect(await adopt()).toMatchObject({ adopted: true, device: { state: DeviceState.ACTIVE } });
  expect(await adopt()).toMatchObject({ adopted: false, device: { state: DeviceState.ACTIVE } });
  const back = await device.connect({ journal: at(5, 0) });
  expect((await back.frame('welcome')).anchor?.sequence).toBe(5n);
  await back.cut();
  await worker.cut();
});

test('a journal that lacks what was acknowledged in its last session is a fork, also when it has grown past it offline', async () => {
  const worker = await control.worker();
  let jobs = 0;
  for (const grown of [false, true]) {
    const device = await control.device();
    device.sequence = 10;
    const live = await device.connect();
    const { run } = live.ask('write it');
    let job = await worker.job(jobs++);
    while (job.run !== run) job = await worker.job(jobs++);
    worker.useTool(job, 'fs_write', { path: 'docs/a.md', text: 'a', mode: 'WRITE_MODE_CREATE' });
    const call = await live.call();
    live.done(call, WriteResponseSchema, { created: true }, { sequence: 14n, headSha256: headOf(14) });
    await live.frame('toolResultCommitted');
    await live.cut();
    expect((await deviceOf(device.device))?.state).toBe(DeviceState.ACTIVE);
    const position = (sequence: number, head: number, anchored: number) => ({
      $typeName: 'bowline.record.v1.JournalPosition' as const,
      journalId: device.journalId,
      sequence: BigInt(sequence),
      headSha256: headOf(head),
      anchoredSequence: BigInt(anchored),
      anchoredSha256: headOf(anchored === 14 ? 15 : anchored),
    });
    if (grown) {
      // A restored copy that went on alone: it cannot show what was acknowledged, and is not served before it is asked.
      const told = await device.connect({ journal: position(30, 31, 10) });
      expect((await told.frame('welcome')).anchor?.sequence).toBe(14n);
      expect(await told.ended).toBeUndefined();
      expect(told.all('toolCall')).toEqual([]);
    }
    const stream = device.stream();
    stream.send({
      case: 'hello',
      value: device.hello({ journal: grown ? position(30, 31, 14) : position(12, 12, 10) }),
    });
    expect((await stream.frame('superseded')).reason).toBe(SupersedeReason.QUARANTINED);
    expect((await deviceOf(device.device))?.state).toBe(DeviceState.QUARANTINED);
  }
  await worker.cut();
});

test('an edge that connects before any worker is told of the model, and of each change, in its session', async () => {
  const own = await TestControl.start();
  try {
    const edge = own.closing(await (await own.device()).connect());
    expect((await edge.frame('welcome')).model).toMatchObject({ provider: '' });
    const worker = await own.worker({ provider: { name: 'openai', local: true } });
    expect(await edge.frame('model')).toMatchObject({ provider: 'openai', local: true });
    // A worker that came later does not answer before the one that is here longer, until that takes nothing new.
    const second = await own.worker({ name: 'w2', provider: { name: 'house', local: false } });
    worker.send({ case: 'drain', value: {} });
    expect(await edge.frame('model', 1)).toMatchObject({ provider: 'house', local: false });
    await second.cut();
    expect(await edge.frame('model', 2)).toMatchObject({ provider: '' });
    expect(edge.all('model')).toHaveLength(3);
  } finally {
    await own.close();
  }
});
