import { expect, test } from 'vitest';
import { MemoryEventStore } from '../../../test/support/memory-event-store.ts';
import { deviceTools, methods, read, said } from '../../../test/support/run-scenario.ts';
import { newId } from '../../base/ids.ts';
import { silentLogger } from '../../base/logger.ts';
import { ManualClock } from '../../base/manual-clock.ts';
import type { Ask } from './asks.ts';
import { type Committed, RunService } from './run-service.ts';

const TENANT = 't1';

function setUp() {
  const clock = new ManualClock();
  const store = new MemoryEventStore(clock);
  const service = new RunService({
    store,
    clock,
    log: silentLogger,
    methods,
    tools: async () => deviceTools('fs_read', 'fs_list'),
  });
  const commits: Committed[] = [];
  service.onCommitted((each) => commits.push(each));
  return { clock, store, service, commits };
}

const ask = (more: Partial<Ask> = {}): Ask => ({
  run: newId(),
  conversation: newId(),
  device: 'd1',
  deviceName: 'kitchen-pi',
  principal: 'device:d1',
  text: 'What does notes.md say?',
  shares: [],
  source: 'device:d1:j1',
  commandId: newId(),
  ...more,
});

test('a one-job run is two commits and no look into the store', async () => {
  const { store, service, commits } = setUp();
  const it = ask();
  expect(await service.submit(TENANT, it)).toEqual({ accepted: true });
  expect(commits).toHaveLength(1);
  expect([...store.outbox.keys()]).toEqual([`${it.run}/0/0-1`]);
  const result = { type: 'result', job: `${it.run}/0/0`, epoch: 1, result: said({ text: 'Hello.' }) } as const;
  expect(await service.command(TENANT, it.run, result, { source: 'worker', commandId: 'x' })).toBe('applied');
  expect(store.units).toHaveLength(2);
  expect(store.loads).toBe(0);
  expect(store.outbox.size).toBe(0);
  expect(store.timers.size).toBe(0);
  expect(store.runs.get(it.run)).toMatchObject({ state: 'answered', answer: 'Hello.' });
  expect(store.conversations.get(it.conversation)).toMatchObject({ activeRun: null, waiting: [], turns: 1 });
});

test('a run of model, tool, model is four commits', async () => {
  const { store, service } = setUp();
  const it = ask();
  await service.submit(TENANT, it);
  const steps = [
    ['0/0', said({ calls: [{ name: 'fs_read', args: { path: 'notes.md' } }] })],
    ['0/1', read('notes.md', 'The launch is on Friday.')],
    ['1/0', said({ text: 'On Friday.' })],
  ] as const;
  for (const [job, result] of steps) {
    const command = { type: 'result', job: `${it.run}/${job}`, epoch: 1, result } as const;
    expect(await service.command(TENANT, it.run, command, { source: 'worker', commandId: job })).toBe('applied');
  }
  expect(store.units).toHaveLength(4);
  expect(store.loads).toBe(0);
  expect(store.runs.get(it.run)).toMatchObject({ state: 'answered', answer: 'On Friday.' });
  expect(store.outbox.size + store.timers.size).toBe(0);
});
