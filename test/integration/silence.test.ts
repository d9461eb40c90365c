// Peers that fall silent, stop reading or vanish: noticed, left and never a burden to the others.
import { createClient } from '@connectrpc/connect';
import { createGrpcTransport, Http2SessionManager } from '@connectrpc/connect-node';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { FsService, ReadResponseSchema } from '../../gen/bowline/capability/fs/v1/fs_pb.ts';
import { DeviceService, WorkerPoolService } from '../../gen/bowline/control/v1/fleet_service_pb.ts';
import { RunService } from '../../gen/bowline/control/v1/run_service_pb.ts';
import { EdgeService } from '../../gen/bowline/edge/v1/edge_pb.ts';
import { RunState } from '../../gen/bowline/run/v1/run_pb.ts';
import { eventually, refusal, refusalOf, TestControl } from '../support/control-plane.ts';
import type { FakeEdge } from '../support/fake-edge.ts';
import { WorkerStream, workerHello } from '../support/fake-worker.ts';
import { TcpProxy } from '../support/tcp-proxy.ts';

let control: TestControl;
beforeAll(async () => {
  control = await TestControl.start({ config: { heartbeatMs: 300, maxQueuedFrames: 128, maxTextBytes: 16 << 20 } });
});
afterAll(async () => {
  await control.close();
  expect(control.lines.filter(({ level }) => level >= 50)).toEqual([]);
});

const isConnected = async ({ device }: FakeEdge) =>
  (await control.client(DeviceService).getDevice({ id: device })).device?.connected;
const workers = async () => (await control.client(WorkerPoolService).listWorkers({})).workers;

test('an edge that says nothing any more is told why and left, while one that answers stays', async () => {
  const device = await control.device();
  const quiet = control.closing(await device.connect());
  const alive = control.closing(await (await control.device()).connect());
  quiet.answersPings = false;
  expect(refusalOf((await quiet.ended)!)).toMatchObject({ code: 'Unavailable', reason: 'PEER_SILENT' });
  expect(await isConnected(device)).toBe(false);
  expect(alive.isOver).toBe(false);
  await alive.cut();
});

test('an edge that neither reads nor speaks is left, although its connection answers', async () => {
  const device = await control.device();
  const frozen = control.closing(await device.connect());
  frozen.answersPings = false;
  frozen.pause();
  await eventually(async () => !(await isConnected(device)));
  expect(await refusal(control.client(FsService).read({ path: 'a' }, on(device)))).toMatchObject({
    reason: 'DEVICE_OFFLINE',
  });
  // Its stream is reset, so that nothing of it stays behind on this side.
  frozen.resume();
  expect(await frozen.ended).toBeDefined();
});

test('a peer whose connection is dead is left within its heartbeats', async () => {
  const { port } = new URL(control.url);
  const proxy = new TcpProxy({ host: '127.0.0.1', port: Number(port) });
  await proxy.listen();
  const url = `http://127.0.0.1:${proxy.port}`;
  const worker = control.closing(await WorkerStream.connect(url, control.control.workerKey, { name: 'far' }));
  expect((await workers()).map(({ name }) => name)).toEqual(['far']);
  // Whatever the control plane sends is swallowed, so no answer ever comes.
  proxy.silence(true);
  await eventually(async () => (await workers()).length === 0);
  await worker.cut();
  await proxy.cut();
});

test('a job of a worker that fell silent goes to another one', async () => {
  const edge = control.closing(await (await control.device()).connect());
  const silent = control.closing(await WorkerStream.connect(control.url, control.control.workerKey, {}));
  const { run } = edge.ask('still there?');
  const first = await silent.job();
  const next = await control.worker({ name: 'next' });
  silent.answersPings = false;
  const second = await next.job();
  expect([second.job, second.epoch]).toEqual([first.job, 2n]);
  next.reply(second, 'here');
  expect((await edge.end(run)).answer).toBe('here');
  await Promise.all([edge.cut(), next.cut()]);
});

test('a stream that never says hello is ended', async () => {
  const sessionManager = new Http2SessionManager(control.url);
  const transport = createGrpcTransport({ baseUrl: control.url, sessionManager });
  const device = await control.device();
  let end = () => {};
  async function* nothing(): AsyncGenerator<never> {
    await new Promise<void>((resolve) => {
      end = resolve;
    });
  }
  const headers = { authorization: `Bearer ${device.secret}` };
  const refused = await refusal(createClient(EdgeService, transport).connect(nothing(), { headers }));
  expect(refused).toMatchObject({ code: 'DeadlineExceeded', reason: 'DEADLINE_EXCEEDED' });
  end();
  sessionManager.abort();
});

test('an edge that does not read while a long answer is written costs its position, and gets the whole answer later', async () => {
  const edge = control.closing(await (await control.device()).connect());
  const worker = await control.worker();
  const { run } = edge.ask('long?');
  const job = await worker.job();
  // It speaks, so it is not taken for dead, but reads nothing.
  const speaking = setInterval(() => edge.send({ case: 'pong', value: { nonce: 0n } }), 50);
  edge.pause();
  const piece = '长'.repeat(1_000);
  const pieces = 600;
  for (let i = 0; i < pieces; i++) worker.say(job, piece);
  worker.conclude(job);
  await worker.frame('resultCommitted');
  expect((await control.client(RunService).getRun({ id: run })).run?.state).toBe(RunState.ANSWERED);
  clearInterval(speaking);
  const before = edge.all('runText').length;
  edge.resume();
  await edge.end(run);
  expect(edge.text(run).text.length).toBe(piece.length * pieces);
  // At most 128 frames may wait; what was written meanwhile comes in far fewer and larger ones.
  expect(edge.all('runText').length - before).toBeLessThan(pieces / 5);
  await Promise.all([edge.cut(), worker.cut()]);
});

test('a device has a bounded number of calls at a time; the others wait and follow its answers', async () => {
  const device = await control.device();
  const edge = control.closing(await device.connect());
  const fs = control.client(FsService);
  const reads = Array.from({ length: 90 }, (_, i) => fs.read({ path: `docs/${i}` }, on(device)));
  for (const read of reads) read.catch(() => {});
  const answer = async (n: number) => edge.done(await edge.call(n), ReadResponseSchema, { text: `${n}` });
  await edge.frame('toolCall', 63);
  const open = await eventually(async () => (await control.client(RunService).listRuns({ pageSize: 500 })).runs);
  expect(open.filter(({ state }) => state === RunState.RUNNING).length).toBeGreaterThanOrEqual(64);
  expect(edge.all('toolCall')).toHaveLength(64);
  for (let n = 0; n < reads.length; n++) await answer(n);
  const texts = await Promise.all(reads.map(async (read) => (await read).text));
  expect(new Set(texts).size).toBe(reads.length);
  await edge.cut();
});

test('an edge that asks for answers and reads none is ended, and its calls come to its next session', async () => {
  const device = await control.device();
  const stuck = control.closing(await device.connect());
  stuck.pause();
  const text = 'x'.repeat(50_000);
  const fs = control.client(FsService);
  const writes = Array.from({ length: 10 }, (_, i) => fs.write({ path: `docs/${i}`, text }, on(device)));
  for (const write of writes) write.catch(() => {});
  // Each ping would be answered; the answers wait behind the calls that are not read.
  const asking = setInterval(() => stuck.isOver || stuck.send({ case: 'ping', value: { nonce: 0n } }), 1);
  await eventually(async () => !(await isConnected(device)));
  clearInterval(asking);
  stuck.resume();
  expect(refusalOf((await stuck.ended)!).code).toMatch(/ResourceExhausted|Canceled/);
  const back = control.closing(await device.connect());
  const envelopes = await back.until(() => back.all('toolCall').length === writes.length && back.all('toolCall'));
  expect(new Set(envelopes.map((each) => back.edge.open(each).job)).size).toBe(writes.length);
  await back.cut();
});

test('a worker that claims to hold more than it may is told within the limits of a frame', async () => {
  const held = Array.from({ length: 2_500 }, (_, i) => ({ dispatchId: `none/0/${i}-1`, epoch: 1n, nextIndex: 0n }));
  const worker = new WorkerStream(control.url, control.control.workerKey);
  worker.send({ case: 'hello', value: workerHello({ held }) });
  expect((await worker.frame('welcome')).drop).toHaveLength(held.length);
  await worker.cut();
});

const on = (device: FakeEdge) => ({ headers: { 'bowline-device': device.device } });
