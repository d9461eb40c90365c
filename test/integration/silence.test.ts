// Peers that fall silent or vanish: noticed, told why where they still listen, and left.
import { createClient } from '@connectrpc/connect';
import { createGrpcTransport, Http2SessionManager } from '@connectrpc/connect-node';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { FsService } from '../../gen/bowline/capability/fs/v1/fs_pb.ts';
import { DeviceService } from '../../gen/bowline/control/v1/device_service_pb.ts';
import { WorkerPoolService } from '../../gen/bowline/control/v1/worker_pool_service_pb.ts';
import { EdgeService } from '../../gen/bowline/edge/v1/edge_pb.ts';
import { eventually, refusal, refusalOf, TestControl } from '../support/control-plane.ts';
import type { FakeEdge } from '../support/fake-edge.ts';
import { WorkerStream } from '../support/fake-worker.ts';
import { TcpProxy } from '../support/tcp-proxy.ts';

let control: TestControl;
beforeAll(async () => {
  control = await TestControl.start({ config: { heartbeatMs: 600 } });
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

const on = (device: FakeEdge) => ({ headers: { 'bowline-device': device.device } });
