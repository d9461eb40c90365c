// Peers that read slowly, ask for much or hold much: what waits for them is bounded, and nothing of it is lost.
import { afterAll, beforeAll, expect, test } from 'vitest';
import { FsService, ReadResponseSchema } from '../../gen/bowline/capability/fs/v1/fs_pb.ts';
import { DeviceService } from '../../gen/bowline/control/v1/device_service_pb.ts';
import { RunService } from '../../gen/bowline/control/v1/run_service_pb.ts';
import { RunState } from '../../gen/bowline/run/v1/run_pb.ts';
import { newId } from '../../src/base/ids.ts';
import { eventually, refusalOf, TestControl } from '../support/control-plane.ts';
import type { FakeEdge } from '../support/fake-edge.ts';
import { WorkerStream, workerHello } from '../support/fake-worker.ts';

let control: TestControl;
beforeAll(async () => {
  control = await TestControl.start({ config: { maxQueuedFrames: 128, maxTextBytes: 16 << 20 } });
});
afterAll(async () => {
  await control.close();
  expect(control.lines.filter(({ level }) => level >= 50)).toEqual([]);
});

const on = (device: FakeEdge) => ({ headers: { 'bowline-device': device.device } });
const isConnected = async ({ device }: FakeEdge) =>
  (await control.client(DeviceService).getDevice({ id: device })).device?.connected;

test('an edge that does not read while a long answer is written costs its position, and gets the whole answer later', async () => {
  const edge = control.closing(await (await control.device()).connect());
  const worker = await control.worker();
  const { run } = edge.ask('long?');
  const job = await worker.job();
  edge.pause();
  const piece = '长'.repeat(1_000);
  const pieces = 600;
  for (let i = 0; i < pieces; i++) worker.say(job, piece);
  worker.conclude(job);
  await worker.frame('resultCommitted');
  expect((await control.client(RunService).getRun({ id: run })).run?.state).toBe(RunState.ANSWERED);
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
  // One start of the edge, with two sessions.
  const bootId = newId();
  const stuck = control.closing(await device.connect({ bootId }));
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
  const back = control.closing(await device.connect({ bootId }));
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
