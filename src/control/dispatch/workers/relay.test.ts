import { expect, test } from 'vitest';
import { ManualClock } from '../../../../test/support/manual-clock.ts';
import { workerView } from '../../../../test/support/worker-view.ts';
import { silentLogger } from '../../../base/logger.ts';
import { MemoryBusHub } from '../../queue/memory-bus.ts';
import { MemoryQueueHub } from '../../queue/memory-queue.ts';
import type { WorkerView } from '../../routing/worker-view.ts';
import type { Outbox, StoredOutboxRow } from '../../store/outbox.ts';
import { Signals } from '../signals/signals.ts';
import { Backlog } from './backlog.ts';
import { endHopeless } from './end-hopeless.ts';
import { commonQueue, Relay, type RelayRow, replicaQueue } from './relay.ts';

const LLM = 'bowline.capability.llm.v1';
const COMMON = commonQueue(LLM, 0);

const worker = (more: Partial<WorkerView> = {}): WorkerView => workerView('w1', more);

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
  const stored = new Map<string, StoredOutboxRow>();
  const spent: string[] = [];
  const fleet = { workers };
  const signals = new Signals(bus, silentLogger, new ManualClock());
  for (const run of ['a', 'b', 'c']) {
    await signals.ofRun('t', run, {
      signal: ({ signal }) => {
        if (signal.case === 'waits') told.push(`${run}: ${signal.value.what.slice(0, 22)}`);
      },
      gap: () => {},
    });
  }
  const backlog = new Backlog();
  const clock = new ManualClock();
  const relay = new Relay({
    clock,
    replica: 'here',
    queue,
    outbox: {
      check: async (ids: readonly string[]) => ids.flatMap((id) => stored.get(id) ?? []),
      survey: async (_rest: number, limit: number) => [...stored.values()].slice(0, limit),
    } as unknown as Outbox,
    backlog,
    workers: () => fleet.workers,
    spend: (view) => spent.push(view.id),
    signals,
    log: silentLogger,
  });
  const waiting = async (name = COMMON) => (await queue.counts(name)).waiting;
  return { clock, relay, queue, backlog, fleet, told, stored, spent, waiting };
}

test('plain jobs go to the common queue; those with needs to the replica that was chosen', async () => {
  const { relay, waiting, spent } = await start([
    worker({ freeSlots: 0 }),
    worker({ id: 'w2', labels: { gpu: 'a' }, totalSlots: 2 }),
  ]);
  await relay.add([row('a'), row('b', { selector: { gpu: 'a' } }), row('c', { recipients: ['rules'] })]);
  expect([await waiting(), await waiting(replicaQueue('r1'))]).toEqual([1, 2]);
  expect(spent).toEqual(['w2', 'w2']);
});

test('a plain job whose tenant not every worker may serve goes to the replica of one that may', async () => {
  const { relay, waiting } = await start([worker({ tenants: ['other'] }), worker({ id: 'w2', replica: 'r2' })]);
  await relay.add([row('a')]);
  expect([await waiting(), await waiting(replicaQueue('r2'))]).toEqual([0, 1]);
});

test('what nobody can serve stays in the store, says so once, and is queued when somebody comes', async () => {
  const { relay, fleet, told, waiting } = await start([]);
  await relay.add([row('a'), row('b', { selector: { gpu: 'a' } })]);
  expect(await waiting()).toBe(0);
  expect(relay.waits('t', 'a')).toMatchObject([{ job: 'a/0/0' }]);
  expect(relay.waits('other', 'a')).toEqual([]);
  await relay.review();
  await relay.add([row('a')]);
  expect(told).toEqual(['a: No worker is connected', 'b: No worker is connected']);
  fleet.workers = [worker()];
  await relay.review();
  expect(await waiting()).toBe(1);
  expect(relay.waits('t', 'a')).toEqual([]);
  await Promise.resolve();
  expect(told.slice(2)).toEqual(['a: ', 'b: No connected worker ca']);
});

test('a job in a queue that its last possible worker left says so, until one comes', async () => {
  const { relay, fleet, told } = await start([worker()]);
  await relay.add([row('a')]);
  fleet.workers = [];
  await relay.review();
  fleet.workers = [worker()];
  await relay.review();
  expect(told).toEqual(['a: No worker is connected', 'a: ']);
});

test('a queue holds what there are free slots for; the rest stays in the store, and whoever has a slot hears of it', async () => {
  const { relay, queue, backlog, fleet, waiting } = await start([worker({ totalSlots: 40, freeSlots: 20 })]);
  const told: string[] = [];
  backlog.onFlag((capability, tell) => tell && told.push(capability));
  const rows = Array.from({ length: 30 }, (_, n) => row(`r${n}`));
  await relay.add(rows.slice(0, 15));
  expect(told).toEqual([]);
  await relay.add(rows.slice(15));
  expect(await waiting()).toBe(20);
  expect(told).toEqual([LLM]);
  for (const taken of await queue.dequeue(COMMON, 12)) await taken.done();
  // Others took them, so the queue is asked.
  await relay.add([row('more')]);
  expect(await waiting()).toBe(9);
  // Where all are busy nothing waits in a queue, in an order that nobody chose.
  fleet.workers = [worker({ totalSlots: 40, freeSlots: 0 })];
  await relay.add([row('later')]);
  expect([await waiting(), told]).toEqual([9, [LLM, LLM]]);
});

test('jobs whose worker is here or that all are too busy for stay in the store, and are looked for there', async () => {
  const { relay, backlog, waiting } = await start([worker({ replica: 'here', labels: { gpu: 'a' } })]);
  await relay.add([row('a', { selector: { gpu: 'a' } })]);
  expect(await waiting(replicaQueue('here'))).toBe(0);
  const heard = backlog.heard(LLM);
  expect(heard).toBeDefined();
  backlog.flag(LLM);
  backlog.clear(LLM, heard!);
  expect(backlog.heard(LLM)).toBeDefined();
});

test('a full or absent queue loses nothing: the store is looked into', async () => {
  const { relay, backlog, queue, waiting } = await start([worker({ totalSlots: 9, freeSlots: 9 })], 2);
  await relay.add([row('a'), row('b')]);
  expect(backlog.heard(LLM)).toBeUndefined();
  await relay.add([row('c')]);
  expect(await waiting()).toBe(2);
  expect(backlog.heard(LLM)).toBeDefined();
  await queue.close();
  await relay.add([row('d')]);
});

test('what was put into the queue of a replica that is gone is placed again', async () => {
  const { relay, fleet, waiting } = await start([worker({ labels: { gpu: 'a' } })]);
  await relay.add([row('a', { selector: { gpu: 'a' } })]);
  fleet.workers = [worker({ id: 'w2', replica: 'r2', labels: { gpu: 'a' } })];
  await relay.replicaLeft('r1');
  expect(await waiting(replicaQueue('r2'))).toBe(1);
});

test('what others took or ended is forgotten; what lies free in the store is queued again', async () => {
  const { relay, fleet, stored, waiting, told } = await start([]);
  await relay.add([row('a'), row('b'), row('c')]);
  stored.set('a/0/0-1', { ...row('a'), createdAt: 0 });
  stored.set('b/0/0-1', { ...row('b'), createdAt: 0, holder: 'r9' });
  await relay.verify();
  fleet.workers = [worker({ totalSlots: 9, freeSlots: 9 })];
  await relay.review();
  expect(await waiting()).toBe(1);
  await Promise.resolve();
  expect(told.slice(3)).toEqual(['a: ']);
  stored.set('c/0/0-1', { ...row('c'), createdAt: 0 });
  await relay.survey(0, 10);
  expect(await waiting()).toBe(3);
});

test('what nobody could serve for a while is told, from the moment when nobody could', async () => {
  const { clock, relay, fleet } = await start([]);
  await relay.add([row('a')]);
  clock.advance(900);
  await relay.add([row('a'), row('b')]);
  expect(relay.hopeless(1_000)).toEqual([]);
  clock.advance(100);
  expect(relay.hopeless(1_000)).toMatchObject([{ row: { run: 'a' }, what: expect.stringContaining('No worker') }]);
  fleet.workers = [worker()];
  await relay.review();
  fleet.workers = [];
  await relay.review();
  clock.advance(999);
  expect(relay.hopeless(1_000)).toEqual([]);
});

test('of what is hopeless the tool calls are ended, once, and a model turn waits on', async () => {
  const { clock, relay } = await start([]);
  await relay.add([row('a'), row('a', { job: 'a/0/1', dispatchId: 'a/0/1-3', epoch: 3 })]);
  clock.advance(10);
  const sent: unknown[] = [];
  const command = async (...args: unknown[]) => {
    sent.push(args);
    if (sent.length === 1) throw new Error('the store does not answer');
    return 'applied' as const;
  };
  const round = () => endHopeless({ runs: { command }, relay, log: silentLogger, afterMs: 10 });
  await round();
  await round();
  await round();
  expect(sent).toHaveLength(2);
  expect(sent[1]).toMatchObject([
    't',
    'a',
    { type: 'result', job: 'a/0/1', epoch: 3, result: { case: 'neverStarted', value: { reason: 'NO_WORKER' } } },
    { source: 'dispatch', commandId: 'no-worker:a/0/1-3' },
  ]);
});

test('what was ended is forgotten and not queued again', async () => {
  const { relay, fleet, waiting } = await start([]);
  await relay.add([row('a')]);
  relay.forget(['a/0/0-1']);
  fleet.workers = [worker()];
  await relay.review();
  expect(await waiting()).toBe(0);
});
