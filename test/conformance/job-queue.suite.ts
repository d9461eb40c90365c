// What every JobQueue adapter must hold, and no more than both Redis and memory can hold (PROTOCOLS.md section 2).
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { AppError } from '../../src/base/errors.ts';
import type { DequeuedJob, JobQueue } from '../../src/control/queue/ports.ts';
import { type FaultyQueue, faultyQueue, type QueueFaults } from '../support/faults/faulty-queue.ts';
import { eventually } from './eventually.ts';

/** One adapter under test: two connections to the same queues, as two replicas have. */
export interface JobQueueHarness {
  readonly first: JobQueue;
  readonly second: JobQueue;
  /** Lets every lock lapse that is held now, until the queue would hand those ids out again. */
  lapseLocks(): Promise<void>;
  dispose(): Promise<void>;
}

const ids = (from: number, count: number): string[] =>
  Array.from({ length: count }, (_, n) => `0199c0de-0000-7000-8000-000000000000/0/${from + n}-1`);
const sorted = (jobs: readonly { id: string }[]): string[] => jobs.map(({ id }) => id).sort();

/** Takes until `count` jobs are there; adapters may hand out fewer at once. */
async function dequeueAll(queue: JobQueue, name: string, count: number): Promise<DequeuedJob[]> {
  const jobs: DequeuedJob[] = [];
  await eventually(`${count} jobs taken from ${name}`, async () => {
    jobs.push(...(await queue.dequeue(name, count - jobs.length)));
    return jobs.length >= count;
  });
  return jobs;
}

export function jobQueueSuite(name: string, makeAdapter: () => Promise<JobQueueHarness>): void {
  describe(`${name} as a JobQueue`, () => {
    const queue = 'bowline.capability.llm.v1.0';
    let harness: JobQueueHarness;
    let first: JobQueue;
    let second: JobQueue;
    beforeEach(async () => {
      harness = await makeAdapter();
      ({ first, second } = harness);
    });
    afterEach(() => harness.dispose());

    test('what one replica adds another takes, each id once', async () => {
      const added = ids(0, 40);
      await first.add(queue, added);
      const mine = await dequeueAll(first, queue, 15);
      const theirs = await dequeueAll(second, queue, 25);
      expect(sorted([...mine, ...theirs])).toEqual([...added].sort());
      expect(await first.dequeue(queue, 10)).toEqual([]);
    });

    test('a first taker sees an id as not started before', async () => {
      await first.add(queue, ids(0, 3));
      expect((await dequeueAll(second, queue, 3)).map((job) => job.startedBefore)).toEqual([false, false, false]);
    });

    test('take gives at most what was asked for, and nothing at once from an empty queue', async () => {
      expect(await first.dequeue(queue, 5)).toEqual([]);
      await first.add(queue, ids(0, 5));
      expect(await first.dequeue(queue, 0)).toEqual([]);
      expect((await first.dequeue(queue, 2)).length).toBeLessThanOrEqual(2);
    });

    test('adding a waiting or taken id again changes nothing', async () => {
      const [one, two] = ids(0, 2) as [string, string];
      await first.add(queue, [one, one, two]);
      await second.add(queue, [one, two]);
      const jobs = await dequeueAll(first, queue, 2);
      await second.add(queue, [one, two]);
      expect(await second.dequeue(queue, 5)).toEqual([]);
      expect(await first.counts(queue)).toEqual({ waiting: 0, dequeued: 2 });
      for (const job of jobs) await job.done();
      expect(await second.counts(queue)).toEqual({ waiting: 0, dequeued: 0 });
    });

    test('a finished id is gone, and may be added and taken again', async () => {
      await first.add(queue, ids(0, 1));
      await (await dequeueAll(first, queue, 1))[0]!.done();
      expect(await second.dequeue(queue, 1)).toEqual([]);
      await second.add(queue, ids(0, 1));
      expect(sorted(await dequeueAll(first, queue, 1))).toEqual(ids(0, 1));
    });

    test('a released id is taken again, and the old hold has no power over it', async () => {
      await first.add(queue, ids(0, 1));
      const old = (await dequeueAll(first, queue, 1))[0]!;
      await old.release();
      const again = (await dequeueAll(second, queue, 1))[0]!;
      expect(again.id).toBe(old.id);
      await old.done();
      await old.release();
      expect(await old.extend()).toBe(false);
      expect(await again.extend()).toBe(true);
      expect(await second.counts(queue)).toEqual({ waiting: 0, dequeued: 1 });
    });

    test('after a lapsed lock another may take the id, and only the new hold counts', async () => {
      await first.add(queue, ids(0, 2));
      const lost = await dequeueAll(first, queue, 2);
      await harness.lapseLocks();
      const dequeued = await dequeueAll(second, queue, 2);
      expect(sorted(dequeued)).toEqual(ids(0, 2));
      expect(await lost[0]!.extend()).toBe(false);
      for (const job of lost) await job.done();
      expect(await second.counts(queue)).toEqual({ waiting: 0, dequeued: 2 });
      for (const job of dequeued) await job.done();
      expect(await first.counts(queue)).toEqual({ waiting: 0, dequeued: 0 });
    });

    test('a waiting id can be removed, a taken one stays with its taker', async () => {
      const [one, two] = ids(0, 2) as [string, string];
      await first.add(queue, [one]);
      const [job] = await dequeueAll(first, queue, 1);
      await first.add(queue, [two]);
      expect(await second.remove(queue, two)).toBe(true);
      expect(await second.remove(queue, two)).toBe(false);
      expect(await second.remove(queue, one)).toBe(false);
      expect(await second.remove(queue, 'never-added/0/0-1')).toBe(false);
      expect(await job!.extend()).toBe(true);
      expect(await first.counts(queue)).toEqual({ waiting: 0, dequeued: 1 });
    });

    test('queues do not mix', async () => {
      await first.add('replica.a', ids(0, 2));
      await first.add('replica.b', ids(2, 2));
      expect(sorted(await dequeueAll(second, 'replica.b', 2))).toEqual(ids(2, 2));
      expect(await second.dequeue('replica.b', 5)).toEqual([]);
      expect(sorted(await dequeueAll(second, 'replica.a', 2))).toEqual(ids(0, 2));
    });

    test('a listener is woken by what waits already, by an add and by a release', async () => {
      let wakes = 0;
      const woken = async (what: string, act: () => Promise<void>) => {
        const before = wakes;
        await act();
        await eventually(`a wake after ${what}`, () => wakes > before);
      };
      await first.add(queue, ids(0, 1));
      let stop = () => {};
      await woken('listening', async () => {
        stop = second.onReady(queue, () => wakes++);
      });
      const [job] = await dequeueAll(second, queue, 1);
      await woken('an add', () => first.add(queue, ids(1, 1)));
      await dequeueAll(second, queue, 1);
      await woken('a release', () => job!.release());
      stop();
    });

    test('a large batch arrives whole', async () => {
      const added = ids(0, 500);
      await first.add(queue, added);
      const jobs = await dequeueAll(second, queue, added.length);
      expect(sorted(jobs)).toEqual([...added].sort());
      await Promise.all(jobs.map((job) => job.done()));
      expect(await first.counts(queue)).toEqual({ waiting: 0, dequeued: 0 });
    });

    test('two takers at once never hold the same id under live locks', async () => {
      const added = ids(0, 100);
      await first.add(queue, added);
      const [mine, theirs] = await Promise.all([dequeueAll(first, queue, 40), dequeueAll(second, queue, 40)]);
      expect(new Set(sorted([...mine, ...theirs])).size).toBe(80);
    });

    test('calls after close say so; closing twice is fine', async () => {
      await second.close();
      await second.close();
      const error = await second.add(queue, ids(0, 1)).catch((thrown: unknown) => thrown);
      expect(error).toMatchObject({ reason: 'CLOSED' });
      await first.add(queue, ids(0, 1));
      expect(await dequeueAll(first, queue, 1)).toHaveLength(1);
    });

    const plans: [string, Omit<QueueFaults, 'seed'>][] = [
      ['calls that fail', { fail: 0.3 }],
      ['calls that take effect and then time out', { timeout: 0.3 }],
      ['lost ids, double takes, lost wakes and reorders', { lose: 0.3, repeat: 0.3, dropWake: 0.5, reorder: 0.5 }],
      ['all of it', { fail: 0.1, timeout: 0.1, lose: 0.1, repeat: 0.1, dropWake: 0.5, reorder: 0.5 }],
    ];
    for (const [what, plan] of plans) {
      const seed = Math.floor(Math.random() * 2 ** 31);
      test(`adding again what is not done ends with every id done, under ${what} (seed ${seed})`, async () => {
        const faulty = [faultyQueue(first, { ...plan, seed }), faultyQueue(second, { ...plan, seed: seed + 1 })];
        const open = new Set(ids(0, 60));
        await eventually('everything is done', async () => {
          for (const each of faulty) await round(each, queue, open);
          await harness.lapseLocks();
          return open.size === 0;
        });
        for (const each of faulty) each.heal();
        await eventually('nothing stays taken', async () => {
          for (const job of await first.dequeue(queue, 100)) await job.done();
          await harness.lapseLocks();
          const { waiting, dequeued } = await first.counts(queue);
          return waiting + dequeued === 0;
        });
      }, 30_000);
    }

    test('a hanging call ends when the wrapper heals, without effect', async () => {
      const faulty = faultyQueue(first, { seed: 1, hang: 1 });
      const added = faulty.add(queue, ids(0, 1)).catch((error: unknown) => error);
      faulty.heal();
      expect(await added).toMatchObject({ reason: 'QUEUE_UNAVAILABLE' });
      expect(await second.counts(queue)).toEqual({ waiting: 0, dequeued: 0 });
    });
  });
}

/** What a reconciler does: adds all that is outstanding, takes what it gets, and holds no fault against it. */
async function round(queue: FaultyQueue, name: string, open: Set<string>): Promise<void> {
  try {
    await queue.add(name, [...open]);
    for (const job of await queue.dequeue(name, 20)) {
      open.delete(job.id);
      await job.done();
    }
  } catch (error) {
    if (!(error instanceof AppError && error.reason === 'QUEUE_UNAVAILABLE')) throw error;
  }
}
