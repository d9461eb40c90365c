// What every RateLimiter must hold, in memory and in Redis.
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { silentLogger } from '../../src/base/logger.ts';
import { type MakeCounters, type RateLimiter, rateLimiter } from '../../src/control/queue/rate-limiter.ts';

export interface CountersHarness {
  readonly counters: MakeCounters;
  /** Those of another replica, where they are shared. */
  readonly others?: MakeCounters;
  dispose(): Promise<void>;
}

export function rateLimiterSuite(name: string, open: () => Promise<CountersHarness>): void {
  describe(`${name} as a RateLimiter`, () => {
    let harness: CountersHarness;
    let limiter: RateLimiter;
    const rates = new Map([
      ['calls', { count: 5, seconds: 60 }],
      ['asks', { count: 1, seconds: 1 }],
    ]);
    beforeEach(async () => {
      harness = await open();
      limiter = rateLimiter(rates, harness.counters, silentLogger);
    });
    afterEach(() => harness.dispose());

    test('so many pass, however many come at once; the others are told when there is room', async () => {
      const taken = await Promise.all(Array.from({ length: 20 }, () => limiter.take('calls', 'a')));
      const waits = taken.filter((ms) => ms !== undefined);
      expect(waits).toHaveLength(15);
      for (const ms of waits) expect(ms > 0 && ms <= 60_000).toBe(true);
      expect(limiter.refused().get('calls')).toBe(15);
    });

    test('each subject and each name is counted for itself, and what has no rate is not counted', async () => {
      expect(await limiter.take('asks', 'a')).toBeUndefined();
      expect(await limiter.take('asks', 'b')).toBeUndefined();
      expect(await limiter.take('calls', 'a')).toBeUndefined();
      expect(await limiter.take('nothing', 'a')).toBeUndefined();
      expect(await limiter.take('asks', '你好')).toBeUndefined();
      expect(await limiter.take('asks', '你好')).toBeGreaterThan(0);
    });

    test('after the time that was told there is room', async () => {
      await limiter.take('asks', 'a');
      const ms = (await limiter.take('asks', 'a')) ?? 0;
      await new Promise((resolve) => setTimeout(resolve, ms + 20));
      expect(await limiter.take('asks', 'a')).toBeUndefined();
    });

    test('replicas that share counters count together', async () => {
      if (!harness.others) return;
      const other = rateLimiter(rates, harness.others, silentLogger);
      for (let n = 0; n < 3; n++) await limiter.take('calls', 'a');
      for (let n = 0; n < 2; n++) expect(await other.take('calls', 'a')).toBeUndefined();
      expect([await limiter.take('calls', 'a'), await other.take('calls', 'a')].every((ms) => ms !== undefined)).toBe(
        true,
      );
    });
  });
}
