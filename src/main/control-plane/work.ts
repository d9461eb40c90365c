// Starts the work: the orchestrator, queue and bus, dispatch, and the retry of what was set aside. What a process before this one
// left on an embedded database is set free first.
import { Dispatcher } from '../../control/dispatch/dispatcher.ts';
import { retrySetAside } from '../../control/dispatch/loops/retry-set-aside.ts';
import { toolsOfNewRun } from '../../control/gateway/offered-tools.ts';
import { Orchestrator } from '../../control/orchestrator/service/orchestrator.ts';
import type { Leases } from '../../control/store/leases.ts';
import { createOutbox, type Outbox } from '../../control/store/outbox.ts';
import { createTimers } from '../../control/store/timers.ts';
import { openQueue } from '../open-queue.ts';
import { watchAlone } from '../watch-alone.ts';
import type { Connected } from './connected.ts';
import type { Identities } from './identities.ts';
import type { DispatchPorts, Ground } from './options.ts';
import type { Store } from './store.ts';

export interface Work {
  readonly runs: Orchestrator;
  readonly dispatcher: Dispatcher;
  readonly outbox: Outbox;
  /** Resolves when queue and bus can be reached. */
  ping(): Promise<void>;
}

export async function startWork(
  ground: Ground,
  store: Store,
  identities: Identities,
  connected: Connected,
): Promise<Work> {
  const { config, clock, life, log, replica } = ground;
  const { database, setAside } = store;
  const runs = orchestrator(ground, store, identities, connected);
  const { ports, ping } = await openPorts(ground, store);
  const { outbox, leases, timers, queue, bus } = ground.wrapPorts?.(ports) ?? ports;
  if (database.kind === 'pglite') {
    // Nobody else can be at work on this folder: what the process before this one held is free.
    await leases.dropAll();
    await timers.releaseAll();
  }
  const dispatcher = new Dispatcher({
    runs,
    outbox,
    leases,
    timers,
    queue,
    bus,
    methods: identities.methods,
    clock,
    log,
    config: { ...config, replica },
    onWorkers: () => connected.news.changed(),
  });
  life.onStop('dispatch', () => dispatcher.stop());
  await dispatcher.start();
  const stopRetry = retrySetAside({ setAside, runs, clock, log });
  life.onStop('retry of what was set aside', async () => stopRetry());
  if (database.kind === 'postgres' && !config.redisUrl && !ground.hubs) beAlone(ground, leases);
  return { runs, dispatcher, outbox, ping };
}

function orchestrator({ config, clock, log }: Ground, store: Store, identities: Identities, { sessions }: Connected) {
  const { devices, methods, restored } = identities;
  const live = (tenant: string, device: string) => sessions.edge(tenant, device)?.manifest;
  const sources = { devices, methods, live, workers: (tenant: string) => sessions.workersFor(tenant) };
  return new Orchestrator({
    store: store.events,
    setAside: store.setAside,
    allKnow: (version) => store.leases.allKnow(version),
    clock,
    log,
    methods,
    tools: (wanted) => toolsOfNewRun(sources, wanted),
    hosts: config.privateHosts?.split(',') ?? [],
    limits: {
      maxCostMicros: config.maxCostMicros,
      summaryTurns: config.summaryTurns,
      maxEdgeEnds: config.maxEdgeEnds,
      maxSteps: config.maxRunTurns,
      maxJobs: config.maxRunJobs,
      maxToolBytes: config.maxRunToolBytes,
      maxWaitingRuns: config.maxWaitingRuns,
    },
    epochBase: () => restored.epochBase,
    standsStill: (tenant) => restored.why(tenant) !== undefined,
  });
}

/** Throws REDIS_UNUSABLE, REDIS_INSECURE, CANCELED. */
async function openPorts(ground: Ground, { database, leases }: Store) {
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
  return { ports, ping: () => opened.ping() };
}

/** Replicas without Redis do not hear each other: tells when there is another one. */
function beAlone({ config, clock, life, log, progress, replica }: Ground, leases: Leases): void {
  const say = (warning: string) => {
    progress(warning);
    log.warn(warning);
  };
  life.onStop('watch alone', watchAlone({ leases, replica, leaseMs: config.leaseMs, clock, say }));
}
