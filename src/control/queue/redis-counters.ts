// Counters of rates in Redis, one for all replicas. Import it only where Redis is used.
import { RateLimiterMemory, RateLimiterRedis } from 'rate-limiter-flexible';
import type { MakeCounters } from './rate-limiter.ts';
import type { RedisClient } from './redis-connection.ts';

/** While Redis is away each replica counts for itself, and asks it again with each call. */
export const redisCounters =
  (client: RedisClient, prefix: string): MakeCounters =>
  async (name, { count, seconds }) => {
    const each = { points: count, duration: seconds };
    return new RateLimiterRedis({
      ...each,
      storeClient: client,
      keyPrefix: `${prefix}:rate:${name}`,
      rejectIfRedisNotReady: true,
      insuranceLimiter: new RateLimiterMemory({ ...each, keyPrefix: name }),
    });
  };
