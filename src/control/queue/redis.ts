// Opens Redis: one connection for commands, one for subscriptions, and the queue and the bus on them. Import it only where
// Redis is used; the drivers cost 25 MB of memory.
import { type Clock, sleep } from '../../base/clock.ts';
import { AppError } from '../../base/errors.ts';
import type { Logger } from '../../base/logger.ts';
import { BullmqQueue } from './bullmq-queue.ts';
import type { Bus, JobQueue } from './ports.ts';
import type { MakeCounters } from './rate-limiter.ts';
import { RedisBus } from './redis-bus.ts';
import { RedisCalls } from './redis-calls.ts';
import { checkPolicy, checkRights, checkVersion } from './redis-check.ts';
import { commandClient, redisConnected, redisProblem, sharedWrite, subscriberClient } from './redis-connection.ts';
import { redisCounters } from './redis-counters.ts';
import { type RedisSettings, redisTarget } from './redis-options.ts';
import { RedisSubscriber } from './redis-subscriber.ts';

export interface OpenRedisOptions extends RedisSettings {
  /** Name of this instance on the bus; a new one at each start. */
  readonly publisher: string;
  readonly clock: Clock;
  readonly log: Logger;
  /** Called once per change of the problem while Redis is unreachable at start. */
  readonly onWaiting?: ((problem: string) => void) | undefined;
  /** Ends the waiting; CANCELED is thrown then. */
  readonly signal?: AbortSignal | undefined;
  /** Milliseconds until a call is given up; default 5,000. A socket that is silent for twice that is closed. */
  readonly commandTimeoutMs?: number | undefined;
  /** Milliseconds until a lock on a taken job lapses; default 30,000. */
  readonly lockMs?: number | undefined;
  /** Milliseconds between looks for lapsed locks; default 15,000. */
  readonly sweepMs?: number | undefined;
}

export interface OpenRedis {
  readonly queue: JobQueue;
  readonly bus: Bus;
  readonly counters: MakeCounters;
  /** Resolves when Redis answers and messages arrive, for readiness. Throws QUEUE_UNAVAILABLE or BUS_UNAVAILABLE. */
  ping(): Promise<void>;
  /** Closes queue, bus and connections. Idempotent. */
  close(): Promise<void>;
}

/** Calls that may wait for Redis at once, for each of queue and bus. */
const WAITING = 20_000;

/** How long a start waits for Redis before it goes on without; how long it waits before it tries again one that refused it. */
const START_MS = 5_000;
const AGAIN_MS = 5_000;

/**
 * Connects, waiting for as long as it takes while nothing answers. Throws REDIS_UNUSABLE when Redis will not have us or the
 * settings are wrong, REDIS_INSECURE for a far one without TLS and password, CANCELED.
 */
export async function openRedis(options: OpenRedisOptions): Promise<OpenRedis> {
  const redis = assemble(options);
  try {
    await redis.reach(options.onWaiting, options.signal);
    return redis;
  } catch (error) {
    await redis.close();
    throw error;
  }
}

/**
 * As `openRedis`, but a Redis that is away, full, read-only or has another password does not block a start: after a few seconds it
 * goes on without, tells why, and takes Redis as soon as that will have it. Work waits in the database meanwhile. Throws what is wrong with
 * the settings alone (REDIS_UNUSABLE, REDIS_INSECURE), and CANCELED.
 */
export async function openRedisPatiently(options: OpenRedisOptions): Promise<OpenRedis> {
  const { clock, log, onWaiting, signal } = options;
  const redis = assemble(options);
  const stop = new AbortController();
  let [problem, reached]: [string | undefined, boolean] = [undefined, false];
  const say = (now: string) => {
    if (now === problem) return;
    problem = now;
    onWaiting?.(now);
    log.warn('Redis is not used: work waits in the database until it is', { why: now });
  };
  const reaching = (async () => {
    while (!stop.signal.aborted) {
      try {
        await redis.reach(say, stop.signal);
        reached = true;
        if (problem !== undefined) log.info('Redis is used again');
        return;
      } catch (error) {
        if (stop.signal.aborted) return;
        say(error instanceof AppError ? error.message : redisProblem(error));
        await sleep(clock, AGAIN_MS, stop.signal);
      }
    }
  })();
  await Promise.race([reaching, sleep(clock, START_MS, signal)]);
  const close = async () => {
    stop.abort();
    await redis.close();
    await reaching;
  };
  if (signal?.aborted) {
    await close();
    throw new AppError('CANCELED');
  }
  return {
    queue: redis.queue,
    bus: redis.bus,
    counters: redis.counters,
    ping: async () => {
      if (!reached) throw new AppError('QUEUE_UNAVAILABLE', { problem: problem ?? 'it was not reached yet' });
      await redis.ping();
    },
    close,
  };
}

interface Assembled extends OpenRedis {
  /** Connects, waiting while nothing answers, and looks once at all that will be done. Throws REDIS_UNUSABLE, CANCELED. */
  reach(onWaiting: ((problem: string) => void) | undefined, signal: AbortSignal | undefined): Promise<void>;
}

/** All parts, connected to nothing yet. */
function assemble(options: OpenRedisOptions): Assembled {
  const { clock, log, commandTimeoutMs = 5_000 } = options;
  const target = redisTarget(options);
  const client = commandClient(target, 2 * commandTimeoutMs);
  const listener = subscriberClient(target, 2 * commandTimeoutMs);
  let told: string | undefined;
  for (const each of [client, listener]) {
    each.on('error', (error: Error) => {
      const problem = redisProblem(error);
      if (problem !== told) log.warn('trouble with Redis', { where: target.where, problem });
      told = problem;
    });
    each.on('ready', () => {
      told = undefined;
    });
  }
  const hangUp = () => {
    client.disconnect();
    listener.disconnect();
  };
  const limits = { limitMs: commandTimeoutMs, waiting: WAITING };
  const { hold, atEnd } = sharedWrite(client);
  const queueCalls = new RedisCalls(clock, 'QUEUE_UNAVAILABLE', { ...limits, before: hold });
  const busCalls = new RedisCalls(clock, 'BUS_UNAVAILABLE', { ...limits, before: hold });
  const listenerCalls = new RedisCalls(clock, 'BUS_UNAVAILABLE', limits);
  const shared = { client, clock, log, prefix: target.prefix, channels: target.channels };
  const subscriber = new RedisSubscriber({
    client: listener,
    calls: listenerCalls,
    clock,
    log,
    pingMs: commandTimeoutMs,
  });
  const { lockMs, sweepMs } = options;
  const queue = new BullmqQueue({ ...shared, subscriber, calls: queueCalls, atEnd, lockMs, sweepMs });
  const bus = new RedisBus({ ...shared, subscriber, calls: busCalls, publisher: options.publisher });
  let closed = false;
  const close = async () => {
    if (closed) return;
    closed = true;
    await queue.close();
    await bus.close();
    subscriber.close();
    // What was sent just before is let out; then both connections end.
    await queueCalls.run(() => client.ping()).catch(() => undefined);
    hangUp();
  };
  const reach: Assembled['reach'] = async (onWaiting, signal) => {
    const wait = { where: target.where, clock, onWaiting, signal };
    await redisConnected(client, wait);
    await redisConnected(listener, wait);
    await checkVersion(client, target.where);
    await checkPolicy(client, target.where, log);
    await checkRights({ client, listener, queue, channels: target.channels }, target.where);
  };
  return {
    queue,
    bus,
    counters: redisCounters(client, target.prefix),
    reach,
    ping: async () => {
      if (closed) throw new AppError('CLOSED', { what: 'the connection to Redis' });
      await queueCalls.run(() => client.ping());
      if (listener.status !== 'ready') throw busCalls.failure('there is no connection for subscriptions');
    },
    close,
  };
}
