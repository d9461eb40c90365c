import { create } from '@bufbuild/protobuf';
import { expect, test } from 'vitest';
import { WorkerHelloSchema } from '../../../../gen/bowline/worker/v1/worker_pb.ts';
import { ManualClock } from '../../../../test/support/manual-clock.ts';
import { silentLogger } from '../../../base/logger.ts';
import { MemoryBusHub } from '../../queue/memory-bus.ts';
import type { WorkerSession } from '../session-ports.ts';
import { WorkerPresence } from './worker-presence.ts';
import { worksAs } from './worker-view-of.ts';

interface Fake {
  readonly id: string;
  free: number;
}

/** A replica with workers of which a test says how many slots are free. */
function replica(name: string, hub: MemoryBusHub, clock: ManualClock) {
  const workers: Fake[] = [];
  const heard: string[] = [];
  const session = (worker: Fake): WorkerSession => {
    const hello = create(WorkerHelloSchema, { name: worker.id, slots: 8, held: [{ dispatchId: 'secret' }] });
    const facts = { id: worker.id, replica: name, hello, tenants: ['t'], pool: 'p' };
    return {
      ...facts,
      connectedAt: 1_000,
      lastSeen: 2_000,
      draining: false,
      busy: 0,
      view: () => ({ ...worksAs(facts), freeSlots: worker.free }),
    } as unknown as WorkerSession;
  };
  const presence = new WorkerPresence({
    bus: hub.connect(name),
    clock,
    log: silentLogger,
    replica: name,
    everyMs: 1_000,
    expireMs: 3_000,
    local: () => workers.map(session),
  });
  presence.start({
    replicaMet: () => {},
    workersChanged: () => heard.push('changed'),
    replicaLeft: (left) => heard.push(`left ${left}`),
    jobsWait: (capability) => heard.push(`backlog ${capability}`),
    paused: (account, ms) => heard.push(`paused ${account} ${ms}`),
    dispatchesEnded: (ids) => heard.push(`ended ${ids.join()}`),
  });
  const seen = () => presence.remotes().map((worker) => `${worker.replica} ${worker.id} ${worker.view().freeSlots}`);
  return { presence, workers, heard, seen };
}

/** Lets messages arrive and timers within `ms` run. */
async function pass(clock: ManualClock, ms: number): Promise<void> {
  for (let left = ms; left > 0; left -= 10) {
    clock.advance(Math.min(left, 10));
    for (let n = 0; n < 8; n++) await Promise.resolve();
  }
}

function two() {
  const clock = new ManualClock();
  const hub = new MemoryBusHub(silentLogger);
  return { clock, hub, a: replica('a', hub, clock), b: replica('b', hub, clock) };
}

test('a replica that comes hears of the workers of the others, and they of its own', async () => {
  const { clock, hub, a, b } = two();
  a.workers.push({ id: 'w1', free: 3 });
  a.presence.workersChanged();
  await pass(clock, 50);
  expect(b.seen()).toEqual(['a w1 3']);
  expect(b.presence.remotes()[0]?.hello).not.toHaveProperty('held');
  expect(b.presence.remotes()[0]).toMatchObject({ connectedAt: 1_000, lastSeen: 2_000, busy: 5 });
  const c = replica('c', hub, clock);
  c.workers.push({ id: 'w2', free: 1 });
  await pass(clock, 50);
  expect(c.seen()).toEqual(['a w1 3']);
  expect(b.seen().sort()).toEqual(['a w1 3', 'c w2 1']);
});

test('free slots are told soon and together; what was sent there meanwhile counts against them', async () => {
  const { clock, a, b } = two();
  const worker = { id: 'w1', free: 3 };
  a.workers.push(worker);
  await pass(clock, 50);
  b.presence.spend(b.presence.views()[0]!, 2);
  expect(b.seen()).toEqual(['a w1 1']);
  for (worker.free = 8; worker.free > 4; worker.free--) a.presence.slotsChanged();
  await pass(clock, 200);
  expect(b.seen()).toEqual(['a w1 4']);
});

test('a worker that left is not seen any more, nor are those of a replica that leaves or falls silent', async () => {
  const { clock, hub, a, b } = two();
  a.workers.push({ id: 'w1', free: 1 }, { id: 'w2', free: 1 });
  const c = replica('c', hub, clock);
  c.workers.push({ id: 'w3', free: 1 });
  await pass(clock, 100);
  expect(b.seen()).toHaveLength(3);
  a.workers.shift();
  a.presence.workersChanged();
  await pass(clock, 50);
  expect(b.seen().sort()).toEqual(['a w2 1', 'c w3 1']);
  a.presence.leave();
  await pass(clock, 2_000);
  expect(b.seen()).toEqual(['c w3 1']);
  expect(b.heard).toContain('left a');
  await c.presence.stop();
  await pass(clock, 5_000);
  expect(b.seen()).toEqual([]);
});

test('a replica that says nothing at all expires', async () => {
  const { clock, hub, a } = two();
  const silent = hub.connect('x');
  const messages: Uint8Array[] = [];
  await silent.subscribe('replicas', { message: ({ data }) => messages.push(data), gap: () => {} });
  await pass(clock, 2_000);
  const lone = new MemoryBusHub(silentLogger);
  const listener = replica('l', lone, clock);
  const echo = lone.connect('a');
  await echo.publish('replicas', messages.at(-1)!);
  await pass(clock, 20);
  const known = listener.heard.length;
  await pass(clock, 4_100);
  expect(listener.heard.slice(known).some((word) => word.startsWith('left'))).toBe(true);
  await a.presence.stop();
});

test('words about jobs reach the others, and nobody when there is nobody', async () => {
  const { clock, a, b } = two();
  a.presence.tellBacklog('cap');
  await pass(clock, 50);
  expect(b.heard).not.toContain('backlog cap');
  a.presence.tellBacklog('cap');
  a.presence.tellBacklog('cap');
  a.presence.tellEnded(['x']);
  a.presence.tellEnded(['y']);
  a.presence.tellPause('openai *', 1_500);
  await pass(clock, 50);
  expect(b.heard.filter((word) => word !== 'changed')).toEqual(['paused openai * 1500', 'backlog cap', 'ended x,y']);
});
