// What the owner does with devices, keys and the status: a device that is removed is gone with all it left open, a key for
// nobody is not made, and counts have no end.
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { FsService } from '../../gen/bowline/capability/fs/v1/fs_pb.ts';
import { AuditService } from '../../gen/bowline/control/v1/audit_service_pb.ts';
import { DeviceService } from '../../gen/bowline/control/v1/device_service_pb.ts';
import { KeyService } from '../../gen/bowline/control/v1/key_service_pb.ts';
import { RunService } from '../../gen/bowline/control/v1/run_service_pb.ts';
import { StatusService } from '../../gen/bowline/control/v1/status_service_pb.ts';
import { WorkerPoolService } from '../../gen/bowline/control/v1/worker_pool_service_pb.ts';
import { JobState, RunState } from '../../gen/bowline/run/v1/run_pb.ts';
import { eventually, refusal, refusalOf, TestControl } from '../support/control-plane.ts';
import { FakeEdge } from '../support/fake-edge.ts';
import { LLM } from '../support/fake-worker.ts';

// Hundreds of asks, on a machine that may be busy.
vi.setConfig({ testTimeout: 60_000 });

let control: TestControl;
beforeAll(async () => {
  control = await TestControl.start({ tenants: ['other'] });
});
afterAll(async () => {
  await control.close();
});

test('a removed device: its session ends, its open calls are unknown, its key is refused, its name is free, its runs stay', async () => {
  const device = await control.device('kitchen');
  const edge = control.closing(await device.connect());
  const worker = await control.worker();
  const { run } = edge.ask('write it?');
  worker.useTool(await worker.job(), 'fs_write', { path: 'docs/a.md', text: 'a', mode: 'WRITE_MODE_CREATE' });
  await edge.call();

  const devices = control.client(DeviceService);
  expect(await devices.deleteDevice({ id: 'kitchen' })).toMatchObject({ id: device.device, name: 'kitchen' });
  expect(refusalOf((await edge.ended)!).reason).toBe('DEVICE_REMOVED');
  await eventually(async () => {
    const { run: now } = await control.client(RunService).getRun({ id: run });
    return now?.jobs[1]?.state === JobState.UNKNOWN;
  });
  expect((await devices.listDevices({})).devices).toEqual([]);
  expect(await refusal(devices.getDevice({ id: device.device }))).toMatchObject({ reason: 'NOT_FOUND' });
  expect(await refusal(devices.deleteDevice({ id: 'kitchen' }))).toMatchObject({ reason: 'NOT_FOUND' });
  const call = control.client(FsService).read({ path: 'a' }, { headers: { 'bowline-device': 'kitchen' } });
  expect(await refusal(call)).toMatchObject({ reason: 'NOT_FOUND' });

  const again = device.stream();
  again.send({ case: 'hello', value: device.hello() });
  const told = refusalOf((await again.ended)!);
  expect(told).toMatchObject({ reason: 'DEVICE_REMOVED' });
  expect(told.message).toContain('kitchen');
  expect(told.message).toContain('bowline edge --join');
  const { entries } = await control.client(AuditService).listAudit({});
  expect(entries.filter(({ subject }) => subject === `device:${device.device}`).map(({ action }) => action)).toContain(
    'device.remove',
  );
  const successor = await FakeEdge.join(control.url, await control.control.createJoinToken('kitchen'), 'kitchen');
  expect(successor.device).not.toBe(device.device);
  await worker.cut();
});

test('a turn of a model that is under way when its device is removed: its call ends at once, and says why', async () => {
  const device = await control.device('shed');
  const edge = control.closing(await device.connect());
  const worker = await control.worker();
  const { run } = edge.ask('what does it say?');
  const turn = await worker.job();
  await control.client(DeviceService).deleteDevice({ id: 'shed' });
  // A call that its last session was still sent would be one whose end nobody knows.
  expect(refusalOf((await edge.ended)!).reason).toBe('DEVICE_REMOVED');
  worker.useTool(turn, 'fs_read', { path: 'docs/a.md' });
  // The model is asked again: it is told what became of its call.
  const next = await worker.job(1);
  const { run: now } = await control.client(RunService).getRun({ id: run });
  expect(now?.jobs[1]).toMatchObject({ state: JobState.FAILED, failure: { reason: 'DEVICE_REMOVED' } });
  worker.reply(next, 'it cannot be read');
  await eventually(async () => {
    const { run: ended } = await control.client(RunService).getRun({ id: run });
    return ended?.state === RunState.ANSWERED;
  });
  await worker.cut();
});

test('one tenant cannot remove the device of another, and learns nothing', async () => {
  const device = await control.device();
  const foreign = control.client(DeviceService, control.ownerKeys.get('other'));
  expect(await refusal(foreign.deleteDevice({ id: device.device }))).toMatchObject({ reason: 'NOT_FOUND' });
  expect(await refusal(foreign.deleteDevice({ id: device.name }))).toMatchObject({ reason: 'NOT_FOUND' });
  expect((await control.client(DeviceService).getDevice({ id: device.device })).device?.name).toBe(device.name);
});

test('one tenant neither sees, revokes, suspends nor resumes what belongs to another', async () => {
  const device = await control.device();
  const { id: token } = await control.client(DeviceService).createJoinToken({ name: 'porch' });
  const { id: worker } = await control.client(WorkerPoolService).createWorkerKey({ name: 'gpu', packages: [LLM] });
  const { id: owner } = await control.client(KeyService).createOwnerKey({ name: 'laptop' });
  const foreign = control.ownerKeys.get('other');
  const keys = control.client(KeyService, foreign);
  for (const id of [token, worker, owner])
    expect(await refusal(keys.revokeKey({ id }))).toMatchObject({ reason: 'NOT_FOUND' });
  expect((await keys.listKeys({ all: true })).keys.map(({ id }) => id)).toEqual(['key-other']);
  const devices = control.client(DeviceService, foreign);
  for (const call of [devices.suspendDevice({ id: device.device }), devices.resumeDevice({ id: device.name })])
    expect(await refusal(call)).toMatchObject({ reason: 'NOT_FOUND' });
  const own = (await control.client(KeyService).listKeys({})).keys.map(({ id }) => id);
  expect(own).toEqual(expect.arrayContaining([token, worker, owner]));
  // The same id of a request is another one of another tenant.
  const request = { name: 'shed', requestId: 'r' };
  const [mine, theirs] = [
    await control.client(DeviceService).createJoinToken(request),
    await devices.createJoinToken(request),
  ];
  expect(theirs.token).not.toBe(mine.token);
});

test('a key for a package that no worker can serve is not made, and the known ones are told', async () => {
  const pools = control.client(WorkerPoolService);
  const made = (packages: string[]) => pools.createWorkerKey({ name: 'gpu', packages });
  for (const package_ of ['nosuch', 'bowline.capability.nosuch.v1', 'bowline.capability.fs.v1', '']) {
    const refused = await refusal(made([LLM, package_]));
    expect(refused).toMatchObject({ code: 'InvalidArgument', reason: 'INVALID_ARGUMENT' });
    expect(refused.message).toContain(LLM);
  }
  expect((await made([LLM])).key).toMatch(/^bww_/);
  expect((await made(['*'])).key).toMatch(/^bww_/);
});

test('the status counts all open runs, however many', async () => {
  const edge = control.closing(await (await control.device()).connect());
  const before = (await control.client(StatusService).getStatus({})).openRuns;
  for (let n = 0; n < 520; n++) {
    edge.ask(`nobody answers ${n}`);
    // An edge has at most so many asks open at a time, and waits for their outcomes.
    if (n % 100 === 99) await edge.until(() => edge.all('askVerdict').length > n - 50);
  }
  await edge.until(() => edge.all('askVerdict').length === 520);
  expect((await control.client(StatusService).getStatus({})).openRuns).toBe(before + 520);
  await edge.cut();
});
