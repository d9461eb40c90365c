// Starts the work: the orchestrator, dispatch, and the retry of what was set aside. What a process before this one left on an
// embedded database is set free first.

import { every } from '../../base/every.ts';
import { homePaths } from '../../base/home.ts';
import { retrySetAside } from '../../control/dispatch/loops/retry-set-aside.ts';
import { toolsOfNewRun } from '../../control/gateway/offered-tools.ts';
import { BudgetsKnown } from '../../control/ledger/known-budgets.ts';
import { KnownPrices } from '../../control/ledger/known-prices.ts';
import { DispatchNonces } from '../../control/orchestrator/service/dispatch-nonces.ts';
import { Orchestrator } from '../../control/orchestrator/service/orchestrator.ts';
import type { RoutesKnown } from '../../control/orchestrator/service/run-decisions.ts';
import { routesKnown } from '../../control/orchestrator/service/turn-routes.ts';
import { RoutesFile } from '../../control/routing/routes-file.ts';
import { weightsOf } from '../../control/share-settings.ts';
import type { Leases } from '../../control/store/leases.ts';
import type { Outbox } from '../../control/store/outbox.ts';
import { createSnapshots } from '../../control/store/snapshots.ts';
import { VersionsKnown } from '../../control/store/versions-known.ts';
import { watchAlone } from '../watch-alone.ts';
import type { Connected } from './connected.ts';
import { type Dispatch, wireDispatch } from './dispatch.ts';
import type { Identities } from './identities.ts';
import type { Ground } from './options.ts';
import type { OpenPorts } from './ports.ts';
import type { Store } from './store.ts';

export interface Work {
  readonly runs: Orchestrator;
  readonly dispatch: Dispatch;
  readonly outbox: Outbox;
  readonly budgets: BudgetsKnown;
  readonly rules: RoutesFile;
}

export async function startWork(
  ground: Ground,
  store: Store,
  identities: Identities,
  { ports }: OpenPorts,
  connected: Connected,
): Promise<Work> {
  const { config, clock, life, log, replica } = ground;
  const { database, setAside } = store;
  const { outbox, leases, timers } = ports;
  const versions = new VersionsKnown(leases);
  const budgets = await knownBudgets(ground, store, connected);
  const rules = openRoutes(ground);
  const routes = routesKnown({
    rules: () => (versions.all ? rules.rules : undefined),
    workers: () => connected.presence.views(),
  });
  const runs = orchestrator(ground, store, identities, connected, { versions, budgets, routes });
  if (database.kind === 'pglite') {
    // Nobody else can be at work on this folder: what the process before this one held is free.
    await leases.dropAll();
    await timers.releaseAll();
  }
  const { local, presence } = connected;
  const dispatch = wireDispatch({
    ...ports,
    runs,
    local,
    presence,
    methods: identities.methods,
    versions,
    prices: { unknownPrice: config.unknownPrice, maxOutputTokens: config.budgetOutputTokens },
    removed: (device) => identities.devices.removedName(device),
    clock,
    log,
    config: { ...config, replica, weights: weightsOf(config.weights) },
    rules: () => rules.rules,
    onResult: (attempt, result) => {
      connected.refusals.ended(attempt, result);
      connected.circuits.ended(attempt, result);
    },
    onWorkers: () => connected.news.changed(),
  });
  life.onStop('dispatch', () => dispatch.stop());
  await dispatch.start();
  const stopRetry = retrySetAside({ setAside, runs, clock, log });
  life.onStop('retry of what was set aside', async () => stopRetry());
  if (database.kind === 'postgres' && !config.redisUrl && !ground.hubs) beAlone(ground, leases);
  return { runs, dispatch, outbox, budgets, rules };
}

/** The routing rules of this replica; an edit counts from the next round on. */
function openRoutes({ home, config, clock, life, log }: Ground): RoutesFile {
  const rules = new RoutesFile(config.routesFile ?? homePaths(home).routes, log);
  const stop = every(
    clock,
    config.scanMs,
    async () => rules.look(),
    () => {},
  );
  life.onStop('routing rules', async () => stop());
  return rules;
}

async function knownBudgets({ config, clock, life, log }: Ground, { database }: Store, { sessions, news }: Connected) {
  const { unknownPrice, budgetOutputTokens: maxOutputTokens, scanMs: everyMs, budgetLapseMs: lapseMs } = config;
  const workers = (tenant: string) => sessions.workersFor(tenant);
  const budgets = new BudgetsKnown({
    db: database.db,
    clock,
    log,
    workers,
    prices: new KnownPrices({ db: database.db, clock, local: () => sessions.workers() }),
    rules: { unknownPrice, maxOutputTokens },
    everyMs,
    lapseMs,
    onRead: () => news.changed(),
  });
  // The database may go away between two steps of the start.
  await database.patiently(() => budgets.refresh());
  const stop = budgets.start();
  life.onStop('budgets', async () => stop());
  return budgets;
}

/** What is known without asking. */
interface Hints {
  readonly versions: VersionsKnown;
  readonly budgets: BudgetsKnown;
  readonly routes: RoutesKnown;
}

function orchestrator(
  { config, clock, log }: Ground,
  store: Store,
  identities: Identities,
  { sessions, presence }: Connected,
  { versions, budgets, routes }: Hints,
) {
  const { devices, methods, restored } = identities;
  const live = (tenant: string, device: string) => sessions.edge(tenant, device)?.manifest;
  const workers = (tenant: string) => sessions.workersFor(tenant);
  const starting = () => presence.views().filter((view) => view.starting);
  const sources = { devices, methods, live, workers, starting };
  const nonces = new DispatchNonces();
  return new Orchestrator({
    store: store.events,
    setAside: store.setAside,
    snapshots: createSnapshots(store.database.db),
    cacheRuns: config.cachedRuns,
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
    budgets,
    routes,
    unknownPrice: config.unknownPrice,
    nonce: () => (versions.all ? nonces.next() : ''),
    standsStill: (tenant) => restored.why(tenant) !== undefined,
  });
}

/** Replicas without Redis do not hear each other: tells when there is another one. */
function beAlone({ config, clock, life, log, progress, replica }: Ground, leases: Leases): void {
  const say = (warning: string) => {
    progress(warning);
    log.warn(warning);
  };
  life.onStop('watch alone', watchAlone({ leases, replica, leaseMs: config.leaseMs, clock, say }));
}
