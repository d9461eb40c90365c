import { expect, test } from 'vitest';
import type { RunSignal } from '../../../../gen/bowline/bus/v1/bus_pb.ts';
import { ManualClock } from '../../../../test/support/manual-clock.ts';
import { systemClock } from '../../../base/clock.ts';
import { AppError } from '../../../base/errors.ts';
import { silentLogger } from '../../../base/logger.ts';
import { MemoryBusHub } from '../../queue/memory-bus.ts';
import type { Bus } from '../../queue/ports.ts';
import { FOLLOW_MS, Signals } from './signals.ts';

/** What a handler heard, in short. */
function ear() {
  const heard: string[] = [];
  const signal = (signal: RunSignal) => heard.push(`${signal.signal.case} ${String(signal.signal.value)}`);
  return { heard, handler: { signal, gap: () => heard.push('gap') } };
}

/** Lets everything that is under way arrive. */
const settle = async () => {
  for (let i = 0; i < 5; i++) await new Promise<void>((resolve) => setImmediate(resolve));
};

const changed = (version: number) => ({ case: 'changed', value: BigInt(version) }) as const;
const followed = { tenant: 't', run: 'r', version: 1, job: '', epoch: 0, offset: 0 };

async function replica(hub: MemoryBusHub, name: string, clock = new ManualClock()) {
  const signals = new Signals(hub.connect(name), silentLogger, clock);
  const asked: number[] = [];
  await signals.start(({ version }, reply) => {
    asked.push(version);
    reply(changed(100));
  });
  return { signals, asked, clock };
}

test('whoever listens on the same replica hears a signal without the bus, also when the bus is away', async () => {
  const bus: Bus = {
    publisher: 'a',
    publish: () => Promise.reject(new AppError('BUS_UNAVAILABLE', { problem: 'it is away' })),
    subscribe: () => Promise.reject(new AppError('BUS_UNAVAILABLE', { problem: 'it is away' })),
    close: async () => {},
  };
  const signals = new Signals(bus, silentLogger, systemClock);
  const { heard, handler } = ear();
  const stop = signals.ofRun('t', 'r', handler);
  signals.toRun('t', 'r', changed(2));
  signals.toRun('t', 'other', changed(3));
  signals.toRun('other', 'r', changed(4));
  await settle();
  expect(heard).toEqual(['changed 2']);
  stop();
  signals.toRun('t', 'r', changed(5));
  await settle();
  expect(heard).toEqual(['changed 2']);
});

test('another replica is told of a run from when it says that it follows it, and first what it lacks', async () => {
  const hub = new MemoryBusHub(silentLogger);
  const [a, b] = [await replica(hub, 'a'), await replica(hub, 'b')];
  const { heard, handler } = ear();
  b.signals.ofRun('t', 'r', handler);
  a.signals.toRun('t', 'r', changed(2));
  await settle();
  expect(heard).toEqual([]);
  b.signals.follow(followed);
  await settle();
  a.signals.toRun('t', 'r', changed(3));
  await settle();
  expect(a.asked).toEqual([1]);
  expect(heard).toEqual(['changed 100', 'changed 3']);
});

test('a replica that no longer says that it follows a run is not told of it for ever', async () => {
  const hub = new MemoryBusHub(silentLogger);
  const [a, b] = [await replica(hub, 'a'), await replica(hub, 'b')];
  const { heard, handler } = ear();
  b.signals.ofRun('t', 'r', handler);
  b.signals.follow(followed);
  await settle();
  a.clock.advance(FOLLOW_MS + 1);
  a.signals.toRun('t', 'r', changed(3));
  await settle();
  expect(heard).toEqual(['changed 100']);
});

test('who follows runs is forgotten in its time, also of runs of which nothing is told any more', async () => {
  const hub = new MemoryBusHub(silentLogger);
  const [a, b] = [await replica(hub, 'a'), await replica(hub, 'b')];
  for (let n = 0; n < 50; n++) b.signals.follow({ ...followed, run: `old${n}` });
  await settle();
  a.clock.advance(FOLLOW_MS / 2);
  b.signals.follow({ ...followed, run: 'old0' });
  await settle();
  expect(a.signals.remembered).toBe(50);
  a.clock.advance(FOLLOW_MS / 2 + 1);
  b.signals.follow({ ...followed, run: 'new' });
  await settle();
  expect(a.signals.remembered).toBe(2);
});

test('a replica that knows no other says nothing of what it follows', async () => {
  const hub = new MemoryBusHub(silentLogger);
  const a = await replica(hub, 'a');
  let alone = true;
  const b = new Signals(hub.connect('b'), silentLogger, systemClock, () => alone);
  b.follow(followed);
  await settle();
  expect(a.asked).toEqual([]);
  alone = false;
  b.follow(followed);
  await settle();
  expect(a.asked).toEqual([1]);
});

test('a signal for a device reaches the replica that has it, and the sender when that is itself', async () => {
  const hub = new MemoryBusHub(silentLogger);
  const [a, b] = [await replica(hub, 'a'), await replica(hub, 'b')];
  const ears = [ear(), ear()];
  a.signals.ofDevice('t', 'd', ears[0]!.handler);
  b.signals.ofDevice('t', 'd', ears[1]!.handler);
  a.signals.toDevice('t', 'd', { case: 'cancelJob', value: 'j-1' });
  await settle();
  expect(ears.map(({ heard }) => heard)).toEqual([['cancelJob j-1'], ['cancelJob j-1']]);
});

test('signals that the bus did not take are noticed as a gap by those who missed them', async () => {
  const hub = new MemoryBusHub(silentLogger);
  const b = await replica(hub, 'b');
  const real = hub.connect('a');
  let away = false;
  const publish: Bus['publish'] = (topic, data) =>
    away ? Promise.reject(new AppError('BUS_UNAVAILABLE', { problem: 'it is away' })) : real.publish(topic, data);
  const a = new Signals({ ...real, publish }, silentLogger, systemClock);
  await a.start(() => {});
  const { heard, handler } = ear();
  b.signals.ofRun('t', 'r', handler);
  b.signals.follow(followed);
  await settle();
  away = true;
  a.toRun('t', 'r', changed(2));
  await settle();
  away = false;
  a.toRun('t', 'r', changed(3));
  await settle();
  expect(heard).toEqual(['gap', 'changed 3']);
});
