import { expect, test, vi } from 'vitest';
import { workerView } from '../../../../test/support/worker-view.ts';
import { createLogger } from '../../../base/logger.ts';
import { JobDequeuer, type JobDequeuerParts } from './job-dequeuer.ts';

const worker = workerView('w', {
  replica: 'here',
  packages: [{ package: 'p', methods: ['M'] }],
  freeSlots: 4,
  totalSlots: 4,
});

test('a job that was given back without an answer of the store is given back again by the next scan, and then taken', async () => {
  const claimed: string[][] = [];
  let [answers, waits] = [false, true];
  const released: string[][] = [];
  const job = { id: 'd-1', startedBefore: false, done: async () => {}, release: async () => {} };
  const parts = {
    replica: 'here',
    log: createLogger('test', { write: () => {} }),
    workersFor: {
      here: () => [worker],
      elsewhere: () => [],
      packages: () => ['p'],
      sessionFor: () => undefined,
    },
    outbox: {
      release: async (_: string, ids: string[]) => {
        released.push(ids);
        if (!answers && ids.length > 0) throw new Error('no answer');
      },
      claim: async (_: string, ids: string[]) => {
        claimed.push(ids);
        return [];
      },
    },
    queue: {
      onReady: () => () => {},
      dequeue: async () => {
        const taken = waits ? [job] : [];
        waits = false;
        return taken;
      },
    },
    relay: { dequeued: () => {}, forget: () => {}, isHopeless: () => false },
    backlog: { flag: () => {}, heard: () => undefined },
    attempts: { wasSent: () => false },
    promised: { has: () => false },
    search: { serve: () => {} },
  } as unknown as JobDequeuerParts;
  const dequeuer = new JobDequeuer(parts);
  await expect(dequeuer.release(['d-1'])).rejects.toThrow();
  dequeuer.listen();
  dequeuer.kick();
  await vi.waitFor(() => expect(dequeuer.knows('d-1')).toBe(true));
  await dequeuer.scan();
  expect(claimed).toEqual([]);
  answers = true;
  await dequeuer.scan();
  await vi.waitFor(() => expect(claimed).toEqual([['d-1']]));
  expect(released.filter((ids) => ids.length > 0)).toEqual([['d-1'], ['d-1'], ['d-1']]);
  await vi.waitFor(() => expect(dequeuer.knows('d-1')).toBe(false));
});
