// The port to counters of who does how much in a time, and its adapter: shared by all replicas in Redis, or in the memory of this process.
import type { Logger } from '../../base/logger.ts';

/** So many within so many seconds, from the first one on. */
export interface Rate {
  readonly count: number;
  readonly seconds: number;
}

export interface RateLimiter {
  /**
   * Counts one of the subject, if there is room for it. Undefined when there was, or when nothing of that name is limited; else how many
   * milliseconds later there is. Never throws: while the shared counters are away, each replica counts for itself.
   */
  take(name: string, subject: string): Promise<number | undefined>;
  /** How many were refused here since the start, by name. */
  refused(): ReadonlyMap<string, number>;
}

/** What the counters of one name are made of; the package has one for each kind of store. */
interface Counters {
  consume(key: string): Promise<unknown>;
}

export type MakeCounters = (name: string, rate: Rate) => Promise<Counters>;

/** The package is loaded with the first rate. */
export function rateLimiter(rates: ReadonlyMap<string, Rate>, make: MakeCounters, log: Logger): RateLimiter {
  const counters = new Map<string, Promise<Counters>>();
  const refusals = new Map<string, number>();
  return {
    refused: () => refusals,
    async take(name, subject) {
      const rate = rates.get(name);
      if (!rate) return undefined;
      const made = counters.get(name) ?? make(name, rate);
      counters.set(name, made);
      try {
        await (await made).consume(subject);
        return undefined;
      } catch (refused) {
        const ms = (refused as { readonly msBeforeNext?: unknown }).msBeforeNext;
        if (typeof ms === 'number') {
          refusals.set(name, (refusals.get(name) ?? 0) + 1);
          return Math.max(Math.ceil(ms), 1);
        }
        log.warn('a rate could not be counted; what it limits goes on', { rate: name, why: String(refused) });
        return undefined;
      }
    },
  };
}

/** Counters in the memory of this process. */
export const memoryCounters: MakeCounters = async (name, { count, seconds }) => {
  const { RateLimiterMemory } = await import('rate-limiter-flexible');
  return new RateLimiterMemory({ keyPrefix: name, points: count, duration: seconds });
};
