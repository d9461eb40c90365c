// What a control plane is started with, and the ground on which its parts stand. It does nothing itself.
import type { Clock } from '../../base/clock.ts';
import type { Lifecycle } from '../../base/lifecycle.ts';
import type { Logger } from '../../base/logger.ts';
import type { ControlConfig } from '../../control/config.ts';
import type { ChildView } from '../../control/gateway/api/status-api.ts';
import type { MemoryBusHub } from '../../control/queue/memory-bus.ts';
import type { MemoryQueueHub } from '../../control/queue/memory-queue.ts';
import type { Bus, JobQueue } from '../../control/queue/ports.ts';
import type { Database } from '../../control/store/database.ts';
import type { DatabaseClock } from '../../control/store/database-clock.ts';
import type { Leases } from '../../control/store/leases.ts';
import type { Outbox } from '../../control/store/outbox.ts';
import type { Timers } from '../../control/store/timers.ts';
import type { EventStore } from '../../control/store/unit.ts';

/** What dispatch uses of store, queue and bus, beside the event store. */
export interface DispatchPorts {
  readonly outbox: Outbox;
  readonly leases: Leases;
  readonly timers: Timers;
  readonly queue: JobQueue;
  readonly bus: Bus;
}

export interface ControlOptions {
  readonly home: string;
  readonly config: ControlConfig;
  readonly clock: Clock;
  readonly log: Logger;
  /** Told when the start waits for something, in words. */
  readonly progress: (what: string) => void;
  readonly signal?: AbortSignal;
  /** How the children of this process are, for `status`. */
  readonly children?: () => readonly ChildView[];
  /** Told of the open database with its tables, before anything stands on it, e.g. to make it fail in tests. */
  readonly onDatabase?: (database: Database) => void;
  /** Wraps the store, e.g. with faults in tests. */
  readonly wrapStore?: (store: EventStore) => EventStore;
  /** Wraps what dispatch stands on, likewise. */
  readonly wrapPorts?: (ports: DispatchPorts) => DispatchPorts;
  /** Queue and bus that replicas of one process share, in tests. */
  readonly hubs?: { readonly queue: MemoryQueueHub; readonly bus: MemoryBusHub };
}

/** What every part is given: the options, and what is one for the whole replica. */
export interface Ground extends ControlOptions {
  readonly clock: DatabaseClock;
  /** Where each part says how it ends; what began last ends first. */
  readonly life: Lifecycle;
  readonly replica: string;
  readonly startedAt: number;
}
