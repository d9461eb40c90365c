// Opens the queue and the bus: on Redis where one is named, else in the memory of this process.
import type { Clock } from '../base/clock.ts';
import type { Logger } from '../base/logger.ts';
import type { ControlConfig } from '../control/config.ts';
import { MemoryBusHub } from '../control/queue/memory-bus.ts';
import { MemoryQueueHub } from '../control/queue/memory-queue.ts';
import type { Bus, JobQueue } from '../control/queue/ports.ts';
import { type MakeCounters, memoryCounters } from '../control/queue/rate-limiter.ts';

export interface OpenQueueOptions {
  readonly config: ControlConfig;
  readonly replica: string;
  readonly clock: Clock;
  readonly log: Logger;
  /** Told while Redis is not used: it does not answer, or will not have us. */
  readonly progress: (what: string) => void;
  /** What replicas of one process share in tests. */
  readonly hubs?: { readonly queue: MemoryQueueHub; readonly bus: MemoryBusHub } | undefined;
  readonly signal?: AbortSignal | undefined;
}

export interface QueueAndBus {
  readonly queue: JobQueue;
  readonly bus: Bus;
  /** Of rates. */
  readonly counters: MakeCounters;
  /** Resolves when they can be reached. */
  ping(): Promise<void>;
  close(): Promise<void>;
}

/** Throws REDIS_UNUSABLE, REDIS_INSECURE, CANCELED. */
export async function openQueue(options: OpenQueueOptions): Promise<QueueAndBus> {
  const { config, clock, log, hubs, replica } = options;
  if (config.redisUrl && !hubs) {
    // Its drivers cost 25 MB of memory, which the embedded mode does not pay.
    const { openRedisPatiently } = await import('../control/queue/redis.ts');
    return openRedisPatiently({
      url: config.redisUrl.reveal(),
      prefix: config.redisPrefix,
      caFile: config.redisCa,
      insecure: config.redisInsecure,
      sentinels: config.redisSentinels,
      master: config.redisMaster,
      cluster: config.redisCluster,
      publisher: replica,
      clock,
      log,
      onWaiting: (problem) => options.progress(`without Redis for now: ${problem}`),
      signal: options.signal,
    });
  }
  const queue = (hubs?.queue ?? new MemoryQueueHub(clock, log)).connect();
  const bus = (hubs?.bus ?? new MemoryBusHub(log)).connect(replica);
  return {
    queue,
    bus,
    counters: memoryCounters,
    ping: async () => {},
    close: async () => {
      await queue.close();
      await bus.close();
    },
  };
}
