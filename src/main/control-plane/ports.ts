// What dispatch uses of the database, and its queue and bus.
import { type Rate, type RateLimiter, rateLimiter } from '../../control/queue/rate-limiter.ts';
import { ratesOf } from '../../control/share-settings.ts';
import { createOutbox } from '../../control/store/outbox.ts';
import { createTimers } from '../../control/store/timers.ts';
import { openQueue } from '../open-queue.ts';
import type { DispatchPorts, Ground } from './options.ts';
import type { Store } from './store.ts';

export interface OpenPorts {
  readonly ports: DispatchPorts;
  readonly rates: ReadonlyMap<string, Rate>;
  readonly limiter: RateLimiter;
  /** Resolves when queue and bus can be reached. */
  ping(): Promise<void>;
}

/** Throws REDIS_UNUSABLE, REDIS_INSECURE, CANCELED. */
export async function openPorts(ground: Ground, { database, leases }: Store): Promise<OpenPorts> {
  const { config, replica, clock, log, progress, hubs, signal } = ground;
  const opened = await openQueue({ config, replica, clock, log, progress, hubs, signal });
  ground.life.onStop('queue and bus', () => opened.close());
  const ports: DispatchPorts = {
    outbox: createOutbox(database.db),
    leases,
    timers: createTimers(database.db),
    queue: opened.queue,
    bus: opened.bus,
  };
  const rates = ratesOf(config.rates);
  const limiter = rateLimiter(rates, opened.counters, log);
  return { rates, limiter, ports: ground.wrapPorts?.(ports) ?? ports, ping: () => opened.ping() };
}
