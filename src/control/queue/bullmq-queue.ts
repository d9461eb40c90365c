// The JobQueue over BullMQ, in manual mode: ids only, no processor, no retries, no delays. Its locks and counters are hints;
// the fence is the epoch in the store. Takers are woken over pub/sub, all of them, as the one woken may have no free slot.
import { createRedisBackend, type JobJson, type MinimalJob, type RedisQueueBackend } from 'bullmq';
import type { Clock } from '../../base/clock.ts';
import { AppError } from '../../base/errors.ts';
import { newId } from '../../base/ids.ts';
import type { Logger } from '../../base/logger.ts';
import type { JobQueue, TakenJob } from './ports.ts';
import type { RedisCalls } from './redis-calls.ts';
import type { RedisClient } from './redis-connection.ts';
import type { RedisSubscriber } from './redis-subscriber.ts';

export interface BullmqQueueParts {
  /** Connected already. */
  readonly client: RedisClient;
  readonly subscriber: RedisSubscriber;
  readonly calls: RedisCalls;
  /** Runs something behind the commands of this turn of the event loop, in the same write. */
  readonly atEnd: (run: () => void) => void;
  readonly clock: Clock;
  readonly log: Logger;
  /** Beginning of every key. */
  readonly prefix: string;
  /** Beginning of every channel. */
  readonly channels: string;
  /** Milliseconds until a lock that nobody renews lapses. Default 30,000. */
  readonly lockMs?: number | undefined;
  /** Milliseconds between looks for lapsed locks, shared by all replicas; two looks put an id back. Default 15,000. */
  readonly sweepMs?: number | undefined;
}

interface Lane {
  readonly name: string;
  readonly backend: RedisQueueBackend;
  readonly listeners: Set<() => void>;
  waking: boolean;
  telling: boolean;
  /** Ids that the next `take` asks for at first; about what the last one got. */
  guess: number;
}

/** Lanes kept without a listener; a forgotten one costs a few objects when it is used again. */
const IDLE_LANES = 1_000;
/** Ids of one round trip of `take`. */
const TAKE_AT_ONCE = 64;
/** BullMQ's answers to a taker whose hold is gone: no such job, no lock, not active, another's lock. */
const HOLD_GONE: ReadonlySet<unknown> = new Set([-1, -2, -3, -6]);

export class BullmqQueue implements JobQueue {
  readonly #parts: BullmqQueueParts;
  /** This instance, as the maker of wakes and lock tokens. */
  readonly #id = newId();
  readonly #backend: RedisQueueBackend;
  readonly #lanes = new Map<string, Lane>();
  readonly #stops = new Set<() => void>();
  readonly #lockMs: number;
  readonly #sweepMs: number;
  #tokens = 0;
  #stopSweep: () => void = () => {};
  #closed = false;

  constructor(parts: BullmqQueueParts) {
    this.#parts = parts;
    this.#lockMs = parts.lockMs ?? 30_000;
    this.#sweepMs = parts.sweepMs ?? 15_000;
    const options = {
      connection: parts.client,
      prefix: `${parts.prefix}:queue`,
      skipVersionCheck: true,
      skipWaitingForReady: true,
      lockDuration: this.#lockMs,
      stalledInterval: this.#sweepMs,
      maxStalledCount: 1_000_000,
    };
    this.#backend = createRedisBackend('all', options);
    this.#backend.on('error', (error: Error) => parts.log.debug('trouble with Redis', { problem: error.message }));
    this.#sweepLater();
  }

  async add(name: string, ids: readonly string[]): Promise<void> {
    this.#open();
    if (ids.length === 0) return;
    const lane = this.#lane(name);
    const { calls, client, clock } = this.#parts;
    const timestamp = clock.now();
    const added = calls.run(() => Promise.all(ids.map((id) => lane.backend.addJob(jobOf(id, timestamp), id))));
    // One server reads it after the ids, from the same write; a cluster's nodes may not.
    if (!client.isCluster) this.#tellOthers(lane);
    await added;
    this.#wake(lane);
    if (client.isCluster) this.#tellOthers(lane);
  }

  async take(name: string, max: number): Promise<TakenJob[]> {
    this.#open();
    const lane = this.#lane(name);
    const jobs: TakenJob[] = [];
    let ask = Math.min(max, lane.guess);
    while (ask > 0) {
      const { got, left } = await this.#takeSome(lane, ask, jobs);
      jobs.push(...got);
      ask = Math.min(max - jobs.length, left, TAKE_AT_ONCE);
    }
    lane.guess = Math.min(Math.max(jobs.length, 1), TAKE_AT_ONCE);
    return jobs;
  }

  onReady(name: string, wake: () => void): () => void {
    this.#open();
    const lane = this.#lane(name);
    lane.listeners.add(wake);
    let leave: (() => Promise<void>) | undefined;
    let stopped = false;
    const stop = () => {
      stopped = true;
      lane.listeners.delete(wake);
      this.#stops.delete(stop);
      void leave?.();
    };
    this.#stops.add(stop);
    const look = () => this.#wake(lane);
    const message = (data: Uint8Array) => {
      if (Buffer.from(data.buffer, data.byteOffset, data.byteLength).toString() !== this.#id) look();
    };
    this.#parts.subscriber.subscribe(this.#channel(name), { gap: look, message }).then(
      (end) => {
        leave = end;
        if (stopped) void end();
        // For what waits already; a look into an empty queue costs less than asking first.
        else look();
      },
      (error: unknown) => this.#parts.log.debug('a queue cannot be listened to', { queue: name, why: String(error) }),
    );
    return stop;
  }

  async counts(name: string): Promise<{ waiting: number; taken: number }> {
    this.#open();
    const { backend } = this.#lane(name);
    const [waiting = 0, taken = 0] = await this.#parts.calls.run(() => backend.getCounts(['wait', 'active']));
    return { waiting, taken };
  }

  async remove(name: string, id: string): Promise<boolean> {
    this.#open();
    const { backend } = this.#lane(name);
    const { client, calls } = this.#parts;
    // The list says whether it waited, once and for one caller only; the rest of the job goes in the same write.
    const [removed] = await calls.run(() =>
      Promise.all([client.lrem(backend.toKey('wait'), 0, id), backend.remove(id, false)]),
    );
    return removed > 0;
  }

  async close(): Promise<void> {
    this.#closed = true;
    this.#stopSweep();
    for (const stop of [...this.#stops]) stop();
  }

  #open(): void {
    if (this.#closed) throw new AppError('CLOSED', { what: 'the job queue' });
  }

  #lane(name: string): Lane {
    let lane = this.#lanes.get(name);
    if (!lane) {
      const backend = this.#backend.forQueue(name) as RedisQueueBackend;
      lane = { name, backend, listeners: new Set(), waking: false, telling: false, guess: 1 };
      this.#lanes.set(name, lane);
      this.#forgetIdle();
      // Nobody reads BullMQ's log of events; by default it keeps 10,000 of them per queue.
      this.#parts.calls.run(() => backend.setQueueMeta({ 'opts.maxLenEvents': 0 })).catch(() => undefined);
    }
    return lane;
  }

  #forgetIdle(): void {
    if (this.#lanes.size <= IDLE_LANES) return;
    for (const [name, { listeners }] of this.#lanes) {
      if (listeners.size > 0) continue;
      this.#lanes.delete(name);
      return;
    }
  }

  async #takeSome(lane: Lane, count: number, before: readonly TakenJob[]) {
    const { client, calls, log } = this.#parts;
    const start = async () => {
      const takes = Array.from({ length: count }, () => this.#takeOne(lane));
      const [left, ...results] = await Promise.allSettled([client.llen(lane.backend.toKey('wait')), ...takes]);
      const got = results.flatMap((each) => (each.status === 'fulfilled' && each.value ? [each.value] : []));
      const failed = results.find((each) => each.status === 'rejected');
      if (failed && got.length === 0) throw failed.reason;
      return { got, left: left.status === 'fulfilled' && !failed ? left.value : 0 };
    };
    const giveBack = ({ got }: { got: readonly TakenJob[] }) => {
      if (got.length > 0) log.info('ids that were taken too late go back', { queue: lane.name, count: got.length });
      for (const job of got) job.release().catch(() => undefined);
    };
    try {
      return await calls.run(start, giveBack);
    } catch (error) {
      // What an earlier round took is held; it counts more than the failure.
      if (before.length > 0) return { got: [], left: 0 };
      throw error;
    }
  }

  async #takeOne(lane: Lane): Promise<TakenJob | undefined> {
    const { backend } = lane;
    const token = `${this.#id}:${this.#tokens++}`;
    const [job, id] = (await backend.moveToActive(token)) as [JobJson | null, string];
    if (!job) return undefined;
    const hold = (run: () => Promise<unknown>) => this.#parts.calls.run(() => run().catch(unlessGone));
    return {
      id,
      // Counted by the look for lapsed locks alone: an id that was given back is not a started one.
      startedBefore: job.stalledCounter > 0,
      done: async () => {
        this.#open();
        const finished = { id, opts: {} } as MinimalJob;
        await hold(() => backend.moveToCompleted(finished, '', true, token, false));
      },
      release: async () => {
        this.#open();
        await hold(() => backend.moveJobFromActiveToWait(id, token));
        this.#announce(lane);
      },
      extend: async () => {
        this.#open();
        return (await this.#parts.calls.run(() => backend.extendLock(id, token, this.#lockMs))) === 1;
      },
    };
  }

  /** Wakes the takers of all replicas; those of this one at once. */
  #announce(lane: Lane): void {
    this.#wake(lane);
    this.#tellOthers(lane);
  }

  #tellOthers(lane: Lane): void {
    if (lane.telling) return;
    lane.telling = true;
    this.#parts.atEnd(() => {
      lane.telling = false;
      const { client, calls } = this.#parts;
      calls.run(() => client.publish(this.#channel(lane.name), this.#id)).catch(() => undefined);
    });
  }

  #channel(name: string): string {
    return `${this.#parts.channels}:wake:${name}`;
  }

  #wake(lane: Lane): void {
    if (lane.waking || lane.listeners.size === 0) return;
    lane.waking = true;
    queueMicrotask(() => {
      lane.waking = false;
      for (const wake of [...lane.listeners]) {
        try {
          wake();
        } catch (error) {
          this.#parts.log.error('a listener of the job queue failed', error, { queue: lane.name });
        }
      }
    });
  }

  #sweepLater(): void {
    this.#stopSweep = this.#parts.clock.after(this.#sweepMs, () => {
      void this.#sweep().finally(() => {
        if (!this.#closed) this.#sweepLater();
      });
    });
  }

  /** Puts back what dead takers held, in the queues that are listened to. BullMQ lets one replica do it per interval. */
  async #sweep(): Promise<void> {
    const { calls, log } = this.#parts;
    const lanes = [...this.#lanes.values()].filter(({ listeners }) => listeners.size > 0);
    await Promise.all(
      lanes.map(async (lane) => {
        try {
          const lapsed = await calls.run(() => lane.backend.moveStalledJobsToWait());
          if (lapsed.length === 0) return;
          log.warn('locks in the job queue lapsed', { queue: lane.name, lapsed: lapsed.length });
          this.#announce(lane);
        } catch (error) {
          log.debug('a queue could not be looked through', { queue: lane.name, why: String(error) });
        }
      }),
    );
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
