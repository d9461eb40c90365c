// The JobQueue over BullMQ, in manual mode: ids only, no processor, no retries, no delays. Its locks and counters are hints;
// the fence is the epoch in the store.
import { createRedisBackend, type JobJson, type MinimalJob, type RedisQueueBackend } from 'bullmq';
import type { Clock } from '../../base/clock.ts';
import { AppError } from '../../base/errors.ts';
import { newId } from '../../base/ids.ts';
import { LapsedLocks } from './lapsed-locks.ts';
import type { DequeuedJob, JobQueue } from './ports.ts';
import { QueueWakes, type QueueWakesParts } from './queue-wakes.ts';
import { staleQueues } from './stale-queues.ts';

/** The client is connected already. */
export interface BullmqQueueParts extends QueueWakesParts {
  readonly clock: Clock;
  /** Beginning of every key. */
  readonly prefix: string;
  /** Milliseconds until a lock that nobody renews lapses. Default 30,000. */
  readonly lockMs?: number | undefined;
  /** Milliseconds between looks for lapsed locks, shared by all replicas; two looks put an id back. Default 15,000. */
  readonly sweepMs?: number | undefined;
}

interface Lane {
  readonly name: string;
  readonly backend: RedisQueueBackend;
  /** Ids that the next `take` asks for at first; about what the last one got. */
  guess: number;
}

/** Queues remembered; a forgotten one costs a few objects when it is used again. */
const LANES = 1_000;
/** Ids of one round trip of `take`. */
const TAKE_AT_ONCE = 64;
/** BullMQ's answers to a taker whose hold is gone: no such job, no lock, not active, another's lock. */
const HOLD_GONE: ReadonlySet<unknown> = new Set([-1, -2, -3, -6]);

export class BullmqQueue implements JobQueue {
  readonly #parts: BullmqQueueParts;
  readonly #backend: RedisQueueBackend;
  readonly #wakes: QueueWakes;
  readonly #lapsed: LapsedLocks;
  readonly #lanes = new Map<string, Lane>();
  readonly #lockMs: number;
  /** Beginning of the names of this instance's locks. */
  readonly #id = newId();
  #locks = 0;
  #closed = false;

  constructor(parts: BullmqQueueParts) {
    const { client, clock, log, prefix, calls, lockMs = 30_000, sweepMs = 15_000 } = parts;
    this.#parts = parts;
    this.#lockMs = lockMs;
    this.#wakes = new QueueWakes(parts);
    const options = {
      connection: client,
      prefix: `${prefix}:queue`,
      skipVersionCheck: true,
      skipWaitingForReady: true,
      lockDuration: lockMs,
      stalledInterval: sweepMs,
      // How often is too often is decided in the store.
      maxStalledCount: 1_000_000,
    };
    this.#backend = createRedisBackend('all', options);
    // The connection tells its trouble itself; an emitter without a listener would throw.
    this.#backend.on('error', () => undefined);
    const backendOf = (queue: string) => this.#backendOf(queue);
    this.#lapsed = new LapsedLocks({
      calls,
      clock,
      log,
      everyMs: sweepMs,
      listened: () => this.#wakes.listened(),
      backendOf,
      stale: staleQueues(client, prefix, backendOf),
      onBack: (queue) => this.#announce(queue),
    });
  }

  async add(name: string, ids: readonly string[]): Promise<void> {
    this.#open();
    if (ids.length === 0) return;
    const { backend } = this.#lane(name);
    const { calls, client, clock } = this.#parts;
    const timestamp = clock.now();
    const added = calls.run(() => Promise.all(ids.map((id) => backend.addJob(jobOf(id, timestamp), id))));
    // One server reads it after the ids, from the same write; a cluster's nodes may not.
    if (!client.isCluster) this.#wakes.wakeOthers(name);
    await added;
    this.#wakes.wakeHere(name);
    if (client.isCluster) this.#wakes.wakeOthers(name);
  }

  async dequeue(name: string, max: number): Promise<DequeuedJob[]> {
    this.#open();
    const lane = this.#lane(name);
    const jobs: DequeuedJob[] = [];
    let wanted = Math.min(max, lane.guess);
    while (wanted > 0) {
      const { got, left } = await this.#dequeueSome(lane, wanted, max - jobs.length, jobs.length > 0);
      jobs.push(...got);
      wanted = Math.min(max - jobs.length, left, TAKE_AT_ONCE);
    }
    lane.guess = Math.min(Math.max(jobs.length, 1), TAKE_AT_ONCE);
    return jobs;
  }

  onReady(name: string, wake: () => void): () => void {
    this.#open();
    return this.#wakes.listen(name, wake);
  }

  async counts(name: string): Promise<{ waiting: number; dequeued: number }> {
    this.#open();
    const { backend } = this.#lane(name);
    const [waiting = 0, dequeued = 0] = await this.#parts.calls.run(() => backend.getCounts(['wait', 'active']));
    return { waiting, dequeued };
  }

  async remove(name: string, id: string): Promise<boolean> {
    this.#open();
    const { backend } = this.#lane(name);
    const { client, calls } = this.#parts;
    // The list says whether it waited, once and to one caller only; the rest of the job goes in the same write.
    const [removed] = await calls.run(() =>
      Promise.all([client.lrem(backend.toKey('wait'), 0, id), backend.remove(id, false)]),
    );
    return removed > 0;
  }

  async close(): Promise<void> {
    this.#closed = true;
    this.#lapsed.close();
    this.#wakes.close();
  }

  #open(): void {
    if (this.#closed) throw new AppError('CLOSED', { what: 'the job queue' });
  }

  #announce(queue: string): void {
    this.#wakes.wakeHere(queue);
    this.#wakes.wakeOthers(queue);
  }

  #backendOf(queue: string): RedisQueueBackend {
    return this.#backend.forQueue(queue) as RedisQueueBackend;
  }

  #lane(name: string): Lane {
    let lane = this.#lanes.get(name);
    if (lane) return lane;
    const backend = this.#backendOf(name);
    lane = { name, backend, guess: 1 };
    this.#lanes.set(name, lane);
    const [oldest] = this.#lanes.keys();
    if (this.#lanes.size > LANES && oldest !== undefined) this.#lanes.delete(oldest);
    // Nobody reads BullMQ's log of events; by default it keeps 10,000 of them per queue.
    this.#parts.calls.run(() => backend.setQueueMeta({ 'opts.maxLenEvents': 0 })).catch(() => undefined);
    return lane;
  }

  /** One round trip, for `count` of what is wanted. With `holding` a failure is none: what an earlier round took counts more. */
  async #dequeueSome(lane: Lane, count: number, wanted: number, holding: boolean) {
    const { client, calls, log } = this.#parts;
    const start = async () => {
      const takes = Array.from({ length: count }, () => this.#dequeueOne(lane));
      // Counted before the takes, which BullMQ sends a moment later; of use only when there is a next round.
      const length = count < wanted ? client.llen(lane.backend.toKey('wait')) : 0;
      const [left, ...results] = await Promise.allSettled([length, ...takes]);
      const got = results.flatMap((each) => (each.status === 'fulfilled' && each.value ? [each.value] : []));
      const failed = results.find((each) => each.status === 'rejected');
      if (failed && got.length === 0) throw failed.reason;
      return { got, left: left.status === 'fulfilled' && !failed ? left.value - got.length : 0 };
    };
    const giveBack = ({ got }: { got: readonly DequeuedJob[] }) => {
      if (got.length > 0) log.info('ids that were taken too late go back', { queue: lane.name, count: got.length });
      for (const job of got) job.release().catch(() => undefined);
    };
    try {
      return await calls.run(start, giveBack);
    } catch (error) {
      if (holding) return { got: [] as DequeuedJob[], left: 0 };
      throw error;
    }
  }

  async #dequeueOne({ name, backend }: Lane): Promise<DequeuedJob | undefined> {
    const lock = `${this.#id}:${this.#locks++}`;
    const [job, id] = (await backend.moveToActive(lock)) as [JobJson | null, string];
    if (!job) return undefined;
    const { calls } = this.#parts;
    const hold = async (run: () => Promise<unknown>) => {
      this.#open();
      await calls.run(() => run().catch(unlessGone));
    };
    return {
      id,
      // Counted by the look for lapsed locks alone: an id that was given back is not a started one.
      startedBefore: job.stalledCounter > 0,
      done: () => hold(() => backend.moveToCompleted({ id, opts: {} } as MinimalJob, '', true, lock, false)),
      release: async () => {
        await hold(() => backend.moveJobFromActiveToWait(id, lock));
        this.#announce(name);
      },
      extend: async () => {
        this.#open();
        return (await calls.run(() => backend.extendLock(id, lock, this.#lockMs))) === 1;
      },
    };
  }
}

function jobOf(id: string, timestamp: number): JobJson {
  return {
    id,
    name: 'dispatch',
    data: '{}',
    opts: { removeOnComplete: true, removeOnFail: true },
    timestamp,
    progress: 0,
    attemptsMade: 0,
    attemptsStarted: 0,
    failedReason: '',
    returnvalue: '',
    stalledCounter: 0,
  };
}

function unlessGone(error: unknown): void {
  if (!HOLD_GONE.has((error as { code?: unknown }).code)) throw error;
}
