// Opens Redis: one connection for commands, one for subscriptions, and the queue and the bus on them. Import it only where
// Redis is used; the drivers cost 25 MB of memory.
import type { Clock } from '../../base/clock.ts';
import { AppError } from '../../base/errors.ts';
import type { Logger } from '../../base/logger.ts';
import { BullmqQueue } from './bullmq-queue.ts';
import type { Bus, JobQueue } from './ports.ts';
import { RedisBus } from './redis-bus.ts';
import { RedisCalls } from './redis-calls.ts';
import { checkPolicy, checkRights, checkVersion } from './redis-check.ts';
import { commandClient, connected, redisProblem, sharedWrite, subscriberClient } from './redis-connection.ts';
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
  /** Resolves when Redis answers and messages arrive, for readiness. Throws QUEUE_UNAVAILABLE or BUS_UNAVAILABLE. */
  ping(): Promise<void>;
  /** Closes queue, bus and connections. Idempotent. */
  close(): Promise<void>;
}

/** Calls that may wait for Redis at once, for each of queue and bus. */
const WAITING = 20_000;

/**
 * Connects, waiting for as long as it takes while nothing answers. Throws REDIS_UNUSABLE when Redis will not have us or the
 * settings are wrong, REDIS_INSECURE for a far one without TLS and password, CANCELED.
 */
export async function openRedis(options: OpenRedisOptions): Promise<OpenRedis> {
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
  const wait = { where: target.where, clock, onWaiting: options.onWaiting, signal: options.signal };
  try {
    await connected(client, wait);
    await connected(listener, wait);
  } catch (error) {
    hangUp();
    throw error;
  }
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
  try {
    await checkVersion(client, target.where);
    await checkPolicy(client, target.where, log);
    await checkRights({ client, listener, queue, channels: target.channels }, target.where);
  } catch (error) {
    await close();
    throw error;
  }
  return {
    queue,
    bus,
    ping: async () => {
      if (closed) throw new AppError('CLOSED', { what: 'the connection to Redis' });
      await queueCalls.run(() => client.ping());
      if (listener.status !== 'ready') throw busCalls.failure('there is no connection for subscriptions');
    },
    close,
  };
}
