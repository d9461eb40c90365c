// What dispatch uses of the database, and its queue and bus.
import { createOutbox } from '../../control/store/outbox.ts';
import { createTimers } from '../../control/store/timers.ts';
import { openQueue } from '../open-queue.ts';
import type { DispatchPorts, Ground } from './options.ts';
import type { Store } from './store.ts';

export interface OpenPorts {
  readonly ports: DispatchPorts;
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
  return { ports: ground.wrapPorts?.(ports) ?? ports, ping: () => opened.ping() };
}
