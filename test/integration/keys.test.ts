// Keys and devices over two replicas on one Postgres: what is revoked or suspended on one ends on the other at once, and a request that
// is repeated on the other is the same request. Heartbeats are long, so that only the word between replicas can be it.
import { afterAll, beforeAll, expect, test } from 'vitest';
import { ReadResponseSchema } from '../../gen/bowline/capability/fs/v1/fs_pb.ts';
import { DeviceService } from '../../gen/bowline/control/v1/device_service_pb.ts';
import { KeyKind, KeyService, KeyState } from '../../gen/bowline/control/v1/key_service_pb.ts';
import { RunService } from '../../gen/bowline/control/v1/run_service_pb.ts';
import { StatusService } from '../../gen/bowline/control/v1/status_service_pb.ts';
import { WorkerPoolService } from '../../gen/bowline/control/v1/worker_pool_service_pb.ts';
import { JobState } from '../../gen/bowline/run/v1/run_pb.ts';
import { systemClock } from '../../src/base/clock.ts';
import { createLogger } from '../../src/base/logger.ts';
import { bareKey } from '../../src/base/pin.ts';
import { Secret } from '../../src/base/secret.ts';
import { MemoryBusHub } from '../../src/control/queue/memory-bus.ts';
import { MemoryQueueHub } from '../../src/control/queue/memory-queue.ts';
import { eventually, refusal, refusalOf, TestControl } from '../support/control-plane.ts';
import { FakeEdge } from '../support/fake-edge.ts';
import { LLM } from '../support/fake-worker.ts';
import { startPostgres, type TestPostgres } from '../support/postgres.ts';

let postgres: TestPostgres;
let a: TestControl;
let b: TestControl;
beforeAll(async () => {
  postgres = await startPostgres();
  const log = createLogger('hub', { write: () => {} });
  const databaseUrl = new Secret(await postgres.createDatabase('keys'));
  const hubs = { queue: new MemoryQueueHub(systemClock, log), bus: new MemoryBusHub(log) };
  const options = { hubs, config: { databaseUrl, heartbeatMs: 60_000 } };
  a = await TestControl.start(options);
  b = await TestControl.start(options);
  // Each has made one of its own; an owner uses one for all replicas.
  b.ownerKeys.set('default', a.ownerKeys.get('default')!);
}, 60_000);
afterAll(async () => {
  await Promise.all([a?.close(), b?.close()]);
  await postgres?.stop();
});

test('the sessions of a revoked worker key end on every replica, and its name and end are listed', async () => {
  const { key, id } = await a.client(WorkerPoolService).createWorkerKey({ name: 'gpu', packages: [LLM] });
  const worker = await b.worker({ name: 'gpu' }, key);
  const answer = await a.client(KeyService).revokeKey({ id });
  expect(answer).toMatchObject({ revoked: true, key: { name: 'gpu', state: KeyState.REVOKED } });
  expect(refusalOf((await worker.ended)!).reason).toBe('WORKER_KEY_REVOKED');
  expect((await b.client(KeyService).revokeKey({ id })).revoked).toBe(false);
  const valid = await b.client(KeyService).listKeys({ kind: KeyKind.WORKER });
  expect(valid.keys.map((each) => each.id)).not.toContain(id);
});

test('a revoked owner key is refused at once on every replica, and its streams end', async () => {
  const edge = b.closing(await (await b.device()).connect());
  const { run } = edge.ask('nobody answers');
  await edge.until(() => edge.all('askVerdict').length === 1);
  const { key, id } = await a.client(KeyService).createOwnerKey({ name: 'laptop' });
  const mine = bareKey(key);
  // Its principal is known to both replicas now.
  await a.client(StatusService, mine).getStatus({});
  const watch = b.client(RunService, mine).watchRun({ id: run })[Symbol.asyncIterator]();
  expect((await watch.next()).value).toMatchObject({ event: { case: 'run' } });
  const ended = refusal(
    (async () => {
      while (!(await watch.next()).done);
    })(),
  );
  const [own] = (await b.client(KeyService, mine).listKeys({ kind: KeyKind.OWNER })).keys;
  expect(own).toMatchObject({ id, own: true, name: 'laptop' });
  await a.client(KeyService).revokeKey({ id });
  expect(await ended).toMatchObject({ reason: 'OWNER_KEY_ENDED', code: 'Unauthenticated' });
  for (const replica of [a, b]) {
    const call = replica.client(StatusService, mine).getStatus({});
    expect(await refusal(call)).toMatchObject({ reason: 'UNAUTHENTICATED' });
  }
  // The run is nobody's who watched it.
  expect((await a.client(RunService).getRun({ id: run })).run?.endTime).toBeUndefined();
  await a.client(RunService).cancelRun({ id: run });
});

test('a request that is repeated on another replica makes nothing again and gets the same secret', async () => {
  const token = { name: 'tv', requestId: 'r1' };
  const first = await a.client(DeviceService).createJoinToken(token);
  expect(await b.client(DeviceService).createJoinToken(token)).toEqual(first);
  const other = b.client(DeviceService).createJoinToken({ ...token, name: 'radio' });
  expect(await refusal(other)).toMatchObject({ reason: 'REQUEST_ID_REUSED', code: 'AlreadyExists' });
  expect((await FakeEdge.join(b.url, first.token, 'tv')).name).toBe('tv');
  const worker = { name: 'w', packages: [LLM], requestId: 'r1' };
  const made = await Promise.all([a, b].map((each) => each.client(WorkerPoolService).createWorkerKey(worker)));
  expect(made[0]).toEqual(made[1]);
  const owner = { name: 'o', requestId: 'r1' };
  const key = await a.client(KeyService).createOwnerKey(owner);
  expect(await b.client(KeyService).createOwnerKey(owner)).toEqual(key);
  const end = { id: key.id, requestId: 'r2' };
  expect((await a.client(KeyService).revokeKey(end)).revoked).toBe(true);
  expect((await b.client(KeyService).revokeKey(end)).revoked).toBe(true);
});

test('a suspended device is out on every replica; its call waits, and is answered when it is resumed', async () => {
  const device = await b.device('kitchen');
  const edge = b.closing(await device.connect());
  const worker = await b.worker();
  const { run } = edge.ask('read it?');
  worker.useTool(await worker.job(), 'fs_read', { path: 'docs/a.md' });
  const call = await edge.call();
  const devices = a.client(DeviceService);
  const wish = { id: 'kitchen', requestId: 's' };
  expect((await devices.suspendDevice(wish)).suspended).toBe(true);
  expect((await devices.suspendDevice(wish)).suspended).toBe(true);
  expect((await devices.suspendDevice({ id: 'kitchen' })).suspended).toBe(false);
  for (const replica of [a, b])
    expect((await replica.client(DeviceService).getDevice({ id: 'kitchen' })).device?.connected).toBe(false);
  const told = refusalOf((await edge.ended)!);
  expect(told).toMatchObject({ reason: 'DEVICE_SUSPENDED' });
  expect(told.message).toContain('bowline devices resume kitchen');
  const early = device.stream();
  early.send({ case: 'hello', value: device.hello() });
  expect(refusalOf((await early.ended)!).reason).toBe('DEVICE_SUSPENDED');
  const { run: waits } = await a.client(RunService).getRun({ id: run });
  // Whether the end of the session is recorded yet, or not: the call is open.
  expect([JobState.QUEUED, JobState.RUNNING]).toContain(waits?.jobs[1]?.state);

  const resumed = await devices.resumeDevice({ id: 'kitchen' });
  expect(resumed).toMatchObject({ resumed: true, device: { connected: false } });
  const tooSoon = a.client(RunService).ask({ text: 'now?', device: 'kitchen' })[Symbol.asyncIterator]().next();
  expect(await refusal(tooSoon)).toMatchObject({ reason: 'DEVICE_OFFLINE' });
  expect((await devices.resumeDevice({ id: 'kitchen' })).resumed).toBe(false);
  const { job, idempotencyKey } = call;
  const open = { $typeName: 'bowline.edge.v1.OpenToolCall' as const, job, idempotencyKey, running: true };
  const back = b.closing(await device.connect({ openToolCalls: [open] }));
  back.done(call, ReadResponseSchema, { text: 'the launch is on friday' });
  await eventually(async () => {
    const { run: now } = await a.client(RunService).getRun({ id: run });
    return now?.jobs[1]?.state === JobState.DONE;
  });
  await worker.cut();
});

test('an owner may revoke the key in use, but not the last one, and is told a way that works', async () => {
  const keys = (await a.client(KeyService).listKeys({ kind: KeyKind.OWNER })).keys;
  for (const { id, own } of keys) if (!own) await a.client(KeyService).revokeKey({ id });
  const last = (await a.client(KeyService).listKeys({ kind: KeyKind.OWNER })).keys;
  expect(last).toHaveLength(1);
  const refused = await refusal(a.client(KeyService).revokeKey({ id: last[0]!.id }));
  expect(refused).toMatchObject({ reason: 'LAST_OWNER_KEY', code: 'FailedPrecondition' });
  expect(refused.message).toContain(`bowline keys revoke ${last[0]!.id}`);
  const { key, id } = await a.client(KeyService).createOwnerKey({ name: 'own' });
  const mine = a.client(KeyService, bareKey(key));
  expect(await mine.revokeKey({ id })).toMatchObject({ revoked: true, key: { own: true } });
  expect(await refusal(mine.listKeys({}))).toMatchObject({ reason: 'UNAUTHENTICATED' });
});
