// Removes the queues of replicas that are gone: their names never come back, and what was in them was given out anew from the
// store long ago. Queues of capabilities are left alone.
import type { RedisQueueBackend } from 'bullmq';
import type { RedisClient } from './redis-connection.ts';

/** Queues of which each belongs to one instance of a replica. */
const OF_ONE_REPLICA = 'replica.';
/** Milliseconds without anyone listening until a replica's queue is removed. */
const STALE_MS = 86_400_000;
/** Queues removed in one round, and jobs in one call. */
const AT_ONCE = 20;
const JOBS_AT_ONCE = 1_000;

export interface StaleQueues {
  /** These are listened to here and now. */
  seen(names: readonly string[], now: number): Promise<void>;
  /** Removes some of those that nobody has listened to for a day; returns their names. */
  remove(now: number): Promise<string[]>;
}

export function staleQueues(
  client: RedisClient,
  prefix: string,
  backendOf: (name: string) => RedisQueueBackend,
): StaleQueues {
  const key = `${prefix}:replica-queues`;
  return {
    seen: async (names, now) => {
      const mine = names.filter((name) => name.startsWith(OF_ONE_REPLICA)).flatMap((name) => [now, name]);
      if (mine.length > 0) await client.zadd(key, ...mine);
    },
    remove: async (now) => {
      const names = await client.zrangebyscore(key, '-inf', now - STALE_MS, 'LIMIT', 0, AT_ONCE);
      for (const name of names) {
        const backend = backendOf(name);
        // BullMQ removes only what is paused; a name that never comes back may stay so.
        await backend.pause(true);
        while ((await backend.obliterate({ force: true, count: JOBS_AT_ONCE })) > 0);
        await client.zrem(key, name);
      }
      return names;
    },
  };
}
