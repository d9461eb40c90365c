import { expect, test } from 'vitest';
import { silentLogger } from '../../base/logger.ts';
import { ManualClock } from '../../base/manual-clock.ts';
import { MemoryBusHub } from '../queue/memory-bus.ts';
import { MemoryQueueHub } from '../queue/memory-queue.ts';
import type { WorkerView } from '../routing/worker-view.ts';
import { commonQueue, Relay, type RelayRow, replicaQueue } from './relay.ts';
import { Signals } from './signals.ts';

const LLM = 'bowline.capability.llm.v1';
const COMMON = commonQueue(LLM, 0);

const worker = (more: Partial<WorkerView> = {}): WorkerView => ({
  id: 'w1',
  replica: 'r1',
  name: 'w1',
  packages: [{ package: LLM, methods: ['Chat'], builds: [] }],
  labels: {},
  pool: 'default',
  tenants: ['*'],
  tier: 0,
  region: '',
  priceMicrosPerKiloToken: 0,
  provider: 'rules',
  locality: 'local',
  freeSlots: 1,
  totalSlots: 1,
  ...more,
});

const row = (id: string, more: Partial<RelayRow> = {}): RelayRow => ({
  tenant: 't',
  method: `${LLM}.LlmService/Chat`,
  dispatchId: `${id}/0/0-1`,
  run: id,
  job: `${id}/0/0`,
  epoch: 1,
  capability: LLM,
  tier: 0,
  target: 'worker',
  selector: {},
  recipients: [],
  slots: 1,
  priority: 0,
  state: 'ready',
  ...more,
});

async function start(workers: WorkerView[], capacity = 1_000) {
  const queue = new MemoryQueueHub(new ManualClock(), silentLogger, { capacity }).connect();
  const bus = new MemoryBusHub(silentLogger).connect();
  const told: string[] = [];
  const signals = new Signals(bus, silentLogger, new ManualClock());
  for (const run of ['a', 'b', 'c']) {
    signals.ofRun('t', run, {
      signal: ({ signal }) => {
        if (signal.case === 'waits') told.push(`${run}: ${signal.value.what.slice(0, 22)}`);
      },
      gap: () => {},
    });
  }
  const fleet = { workers };
  const relay = new Relay({
    queue,
    workers: () => fleet.workers,
    signals,
    log: silentLogger,
  });
  return { relay, queue, fleet, told };
}

test('plain jobs go to the common queue even when all are busy; those with needs to the replica that was chosen', async () => {
  const { relay, queue } = await start([worker({ freeSlots: 0 }), worker({ id: 'w2', labels: { gpu: 'a' } })]);
  await relay.add([row('a'), row('b', { selector: { gpu: 'a' } }), row('c', { recipients: ['rules'] })]);
  expect((await queue.counts(COMMON)).waiting).toBe(1);
  expect((await queue.counts(replicaQueue('r1'))).waiting).toBe(2);
  expect(relay.held()).toHaveLength(3);
});

test('what nobody can serve waits here, says so once, and is queued when somebody comes', async () => {
  const { relay, queue, fleet, told } = await start([]);
  await relay.add([row('a'), row('b', { selector: { gpu: 'a' } })]);
  expect((await queue.counts(COMMON)).waiting).toBe(0);
  expect(relay.waits('t', 'a')).toMatchObject([{ job: 'a/0/0' }]);
  expect(relay.waits('other', 'a')).toEqual([]);
  await relay.retry();
  await relay.retry();
  expect(told).toEqual(['a: No worker is connected', 'b: No worker is connected']);
  fleet.workers = [worker()];
  await relay.review();
  expect((await queue.counts(COMMON)).waiting).toBe(1);
  expect(relay.waits('t', 'a')).toEqual([]);
  expect(told.slice(2)).toEqual(['a: ', 'b: No connected worker ca']);
  expect(relay.held().sort()).toEqual(['a/0/0-1', 'b/0/0-1']);
});

test('a job in a queue that its last possible worker left comes back and says so', async () => {
  const { relay, queue, fleet, told } = await start([worker()]);
  await relay.add([row('a')]);
  fleet.workers = [];
  await relay.review();
  expect((await queue.counts(COMMON)).waiting).toBe(0);
  expect(told).toEqual(['a: No worker is connected']);
  fleet.workers = [worker()];
  await relay.review();
  expect((await queue.counts(COMMON)).waiting).toBe(1);
});

test('a full queue loses nothing: the rest waits here and is tried again', async () => {
  const { relay, queue } = await start([worker()], 2);
  await relay.add([row('a'), row('b')]);
  await relay.add([row('c')]);
  expect(relay.held().sort()).toEqual(['a/0/0-1', 'b/0/0-1', 'c/0/0-1']);
  const [taken] = await queue.take(COMMON, 1);
  relay.forget([taken!.id]);
  await taken!.done();
  await relay.retry();
  expect((await queue.counts(COMMON)).waiting).toBe(2);
});

test('what was ended is forgotten and not queued again', async () => {
  const { relay, fleet, queue } = await start([]);
  await relay.add([row('a')]);
  relay.forget(['a/0/0-1']);
  fleet.workers = [worker()];
  await relay.review();
  expect((await queue.counts(COMMON)).waiting).toBe(0);
  expect(relay.held()).toEqual([]);
});

test('waiting jobs are counted for their tenant alone', async () => {
  const { relay } = await start([]);
  await relay.add([row('a'), row('b', { tenant: 'other' })]);
  expect([relay.waitingOf('t'), relay.waitingOf('other'), relay.waitingOf('third')]).toEqual([1, 1, 0]);
});
