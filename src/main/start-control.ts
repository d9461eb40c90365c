// Composes the control plane from its rooms and starts it. Everything is passed in here; nothing is looked up elsewhere.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { ModelInfo } from '../../gen/bowline/common/v1/common_pb.ts';
import type { Clock } from '../base/clock.ts';
import { AppError } from '../base/errors.ts';
import { homePaths } from '../base/home.ts';
import { serverUrl } from '../base/host.ts';
import { newId } from '../base/ids.ts';
import { Lifecycle } from '../base/lifecycle.ts';
import type { Logger } from '../base/logger.ts';
import { pinText, withPin } from '../base/pin.ts';
import { writePrivate } from '../base/private-file.ts';
import { Secret } from '../base/secret.ts';
import { readSecretFile } from '../base/settings/secret-file.ts';
import { sparing } from '../base/sparing-logger.ts';
import { RequestFaults } from '../base/stray-errors.ts';
import { watchTurns } from '../base/turn-watch.ts';
import { edgeCapabilities } from '../contract/capabilities.ts';
import { MethodRegistry } from '../contract/registry.ts';
import { errorInterceptor } from '../contract/rpc-errors.ts';
import { workerCapabilities } from '../contract/worker-capabilities.ts';
import type { ControlConfig } from '../control/config.ts';
import { Dispatcher, type DispatchParts } from '../control/dispatch/dispatcher.ts';
import { PastEpochs } from '../control/dispatch/past-epochs.ts';
import { retrySetAside } from '../control/dispatch/retry-set-aside.ts';
import { Admission } from '../control/gateway/admission.ts';
import { conversationApi } from '../control/gateway/api/conversation-api.ts';
import { deviceApi, registryApi, workerApi } from '../control/gateway/api/fleet-api.ts';
import { NOTICED } from '../control/gateway/api/notices.ts';
import { pluginApi } from '../control/gateway/api/plugin-api.ts';
import { runApi } from '../control/gateway/api/run-api.ts';
import { approvalApi, auditApi, statusApi, usageApi } from '../control/gateway/api/status-api.ts';
import { CallsUnderWay } from '../control/gateway/calls-under-way.ts';
import { Doors } from '../control/gateway/doors.ts';
import { serveEdge } from '../control/gateway/edge-session.ts';
import { enrolmentService } from '../control/gateway/enrolment-service.ts';
import { HealthBoard } from '../control/gateway/health.ts';
import {
  authGate,
  goneInterceptor,
  headerInterceptor,
  isOpen,
  validateInterceptor,
} from '../control/gateway/interceptors.ts';
import type { MeshParts } from '../control/gateway/mesh.ts';
import { ModelNews } from '../control/gateway/model-news.ts';
import { offeredTools } from '../control/gateway/offered-tools.ts';
import { endsOf } from '../control/gateway/opening.ts';
import { deviceOf, workerOf } from '../control/gateway/principal.ts';
import { pluginRoutes, routes } from '../control/gateway/routes.ts';
import { listen, mustBeListenable, type ServerTls } from '../control/gateway/server.ts';
import { SessionWatch } from '../control/gateway/session-watch.ts';
import { Sessions } from '../control/gateway/sessions.ts';
import { serveWorker } from '../control/gateway/worker-session.ts';
import { watchWorkers } from '../control/gateway/worker-watch.ts';
import { Authenticator } from '../control/identity/authenticator.ts';
import { DeviceSessions } from '../control/identity/device-sessions.ts';
import { Devices } from '../control/identity/devices.ts';
import { Enrolment } from '../control/identity/enrolment.ts';
import { KeyLookup } from '../control/identity/key-lookup.ts';
import { DEFAULT_TENANT, ensureOwnerKey } from '../control/identity/owner-key.ts';
import { Plugins } from '../control/identity/plugins.ts';
import { RestoreGuard } from '../control/identity/restore-guard.ts';
import { loadSigningKey } from '../control/identity/signing-key.ts';
import { watchHistory } from '../control/identity/watch-history.ts';
import { createWorkerToken, endedWorkerTokens, ensureWorkerToken } from '../control/identity/workers.ts';
import { listAudit, recentAudit, writeAudit } from '../control/ledger/audit.ts';
import { usageSince } from '../control/ledger/usage.ts';
import { RunService } from '../control/orchestrator/run-service.ts';
import type { MemoryBusHub } from '../control/queue/memory-bus.ts';
import type { MemoryQueueHub } from '../control/queue/memory-queue.ts';
import { commitProbe } from '../control/store/can-commit.ts';
import { CommitWitness } from '../control/store/commit-witness.ts';
import { createConversations } from '../control/store/conversations.ts';
import { type Database, openDatabase } from '../control/store/database.ts';
import { DATABASE_TIME, DatabaseClock } from '../control/store/database-clock.ts';
import { PgEventStore } from '../control/store/event-store.ts';
import { HistoryBeat } from '../control/store/history-beat.ts';
import { createLeases } from '../control/store/leases.ts';
import { migrate } from '../control/store/migrate.ts';
import { createOutbox } from '../control/store/outbox.ts';
import { createRuns } from '../control/store/runs.ts';
import { createSetAside } from '../control/store/set-aside.ts';
import { createTimers } from '../control/store/timers.ts';
import type { EventStore } from '../control/store/unit.ts';
import { startUpkeep } from '../control/store/upkeep.ts';
import type { ChildFigures } from './child-of-up.ts';
import { watchDisk } from './disk-watch.ts';
import { openQueue } from './open-queue.ts';
import { DATABASE, watchReadiness } from './readiness.ts';
import { watchAlone } from './watch-alone.ts';

/** What dispatch uses of store, queue and bus, beside the event store. */
export type DispatchPorts = Pick<DispatchParts, 'outbox' | 'leases' | 'timers' | 'queue' | 'bus'>;

export interface ControlOptions {
  readonly home: string;
  readonly config: ControlConfig;
  readonly clock: Clock;
  readonly log: Logger;
  /** Told when the start waits for something, in words. */
  readonly progress: (what: string) => void;
  readonly signal?: AbortSignal;
  /** How the children of this process are, for `status`. */
  readonly children?: () => readonly ChildFigures[];
  /** Told of the open database with its tables, before anything stands on it, e.g. to make it fail in tests. */
  readonly onDatabase?: (database: Database) => void;
  /** Wraps the store, e.g. with faults in tests. */
  readonly wrapStore?: (store: EventStore) => EventStore;
  /** Wraps what dispatch stands on, likewise. */
  readonly wrapPorts?: (ports: DispatchPorts) => DispatchPorts;
  /** Queue and bus that replicas of one process share, in tests. */
  readonly hubs?: { readonly queue: MemoryQueueHub; readonly bus: MemoryBusHub };
}

export interface RunningControl {
  readonly url: string;
  readonly replica: string;
  readonly tenant: string;
  readonly database: 'postgres' | 'pglite';
  readonly ownerKey: string;
  /** Key with which the workers beside this control plane connect. */
  readonly workerKey: string;
  /** Raw public key by which clients know this control plane. */
  readonly publicKey: Uint8Array;
  /** The model that would answer now. */
  model(): ModelInfo | undefined;
  /** Names of the devices that are connected. */
  devices(): string[];
  createJoinToken(name: string): Promise<string>;
  /** Drains within the deadline; true when everything ended in time. */
  stop(deadlineMs: number): Promise<boolean>;
}

/** Between two looks at whether the database and the queue answer. */
const READY_MS = 2_000;
/** So long after a commit was not taken, and none since, this replica is not ready. */
const REFUSED_MS = 10_000;

/** How long an edge that says Hello is kept in line; it takes 15 s without an answer for silence. */
const PATIENCE_MS = 4_000;

/** On the health board: whether the work of all tenants goes on. */
const DISPATCH = 'dispatch';

/** Opens the database, starts all loops and listens. Throws what stands in the way (PORT_TAKEN, HOME_LOCKED, ...). */
export async function startControl(options: ControlOptions): Promise<RunningControl> {
  const { home, config, log, progress } = options;
  const clock = new DatabaseClock(options.clock);
  const life = new Lifecycle(log);
  const replica = newId();
  const startedAt = clock.now();
  try {
    const tls = listenerTls(config);
    await mustBeListenable(config.host, config.port, tls !== undefined);
    const database = await openDatabase(
      config.databaseUrl?.reveal() ?? { embedded: join(homePaths(home).control, 'pg') },
      {
        maxConnections: config.maxConnections,
        statementTimeoutMs: config.statementTimeoutMs,
        connectTimeoutMs: config.connectTimeoutMs,
        embeddedCacheBytes: config.embeddedCacheBytes,
        clock,
        onWaiting: (problem) => progress(`waiting for the database: ${problem}`),
        onTrouble: (problem) => log.warn('trouble with the database', { problem }),
        ...(options.signal ? { signal: options.signal } : {}),
      },
    );
    life.onStop('database', () => database.close());
    if (database.kind === 'postgres') {
      const time = async () => Number((await database.pool.query(DATABASE_TIME)).rows[0]?.ms);
      await clock.measure(time).catch(() => {});
      life.onStop('clock', clock.follow(time, log));
    }
    if (database.kind === 'pglite') {
      const say = (what: string, short: boolean) => {
        progress(what);
        if (short) log.warn(what);
        else log.info(what);
      };
      life.onStop('disk watch', watchDisk({ folder: homePaths(home).control, clock, say }));
    }
    await database.patiently(migrate);
    options.onDatabase?.(database);
    const pg = new PgEventStore(database, { clock });
    life.onStop('event store', () => pg.close());
    const witness = new CommitWitness(clock);
    const store = witness.of(options.wrapStore?.(pg) ?? pg);

    const grant = { tenant: null, name: 'beside the control plane', packages: ['*'], pool: 'default' };
    const { owner, signer, workerKey } = await database.patiently(async (db) => {
      const owner = await ensureOwnerKey(db, home);
      const signer = await loadSigningKey(db, home, log);
      const keyFile = join(homePaths(home).control, 'worker.key');
      return { owner, signer, workerKey: await ensureWorkerToken(db, keyFile, grant, signer.publicKey) };
    });
    await writePrivate(homePaths(home).controlPin, `${pinText(signer.publicKey)}\n`, { replace: true });
    const lookup = new KeyLookup(database.db);
    const authenticator = new Authenticator(lookup, clock);
    const devices = new Devices(database.db, authenticator);
    const enrolment = new Enrolment(database.db, lookup, authenticator, signer.publicKey);

    const restored = new RestoreGuard({ db: database.db, clock, log, everyMs: config.scanMs });
    await restored.start();
    life.onStop('restore guard', () => restored.stop());
    // Nothing takes the place of the embedded one while it is open.
    if (database.kind === 'postgres') {
      const beat = new HistoryBeat(database.db, replica, clock, witness);
      life.onStop('history watch', watchHistory({ beat, restored, clock, log }));
    }

    const methods = new MethodRegistry([...edgeCapabilities, ...workerCapabilities]);
    const plugins = new Plugins({ db: database.db, methods, clock, log, everyMs: config.scanMs });
    await plugins.start();
    life.onStop('plugins', () => plugins.stop());
    const sessions: Sessions = new Sessions(
      () => dispatcher.presence.remotes(),
      () => news.changed(),
    );
    const news = new ModelNews({ edges: () => sessions.edges(), clock, everyMs: config.heartbeatMs });
    life.onStop('model news', async () => news.stop());
    news.start();
    const live = (tenant: string, device: string) => sessions.edge(tenant, device)?.manifest;
    const setAside = createSetAside(database.db, (trx, entry) => writeAudit(trx, [entry]));
    const storedLeases = createLeases(database.db);
    const runs = new RunService({
      store,
      setAside,
      allKnow: (version) => storedLeases.allKnow(version),
      clock,
      log,
      methods,
      tools: (wanted) =>
        offeredTools({ devices, methods, live, workers: (tenant) => sessions.workersFor(tenant) }, wanted),
      hosts: config.privateHosts?.split(',') ?? [],
      limits: {
        maxCostMicros: config.maxCostMicros,
        summaryTurns: config.summaryTurns,
        maxEdgeEnds: config.maxEdgeEnds,
      },
      epochBase: () => restored.epochBase,
      standsStill: (tenant) => restored.why(tenant) !== undefined,
    });
    const opened = await openQueue({
      config,
      replica,
      clock,
      log,
      progress,
      hubs: options.hubs,
      signal: options.signal,
    });
    life.onStop('queue and bus', () => opened.close());
    const ports: DispatchPorts = {
      outbox: createOutbox(database.db),
      leases: storedLeases,
      timers: createTimers(database.db),
      queue: opened.queue,
      bus: opened.bus,
    };
    const { outbox, leases, timers, queue, bus } = options.wrapPorts?.(ports) ?? ports;
    if (database.kind === 'pglite') {
      // Nobody else can be at work on this folder: what the process before this one held is free.
      await leases.dropAll();
      await timers.releaseAll();
    }
    const dispatcher: Dispatcher = new Dispatcher({
      runs,
      outbox,
      leases,
      timers,
      queue,
      bus,
      methods,
      clock,
      log,
      config: { ...config, replica },
      onWorkers: () => news.changed(),
    });
    life.onStop('dispatch', () => dispatcher.stop());
    await dispatcher.start();
    const stopRetry = retrySetAside({ setAside, runs, clock, log });
    life.onStop('retry of what was set aside', async () => stopRetry());
    if (database.kind === 'postgres' && !config.redisUrl && !options.hubs) {
      const say = (warning: string) => {
        progress(warning);
        log.warn(warning);
      };
      life.onStop('watch alone', watchAlone({ leases, replica, leaseMs: config.leaseMs, clock, say }));
    }

    const health = new HealthBoard();
    health.set(DISPATCH, !restored.anyStopped);
    restored.onStopped((tenant, why) => {
      health.set(DISPATCH, false);
      for (const edge of sessions.edges()) if (edge.tenant === tenant) edge.end(why);
    });
    const past = new PastEpochs({ runs, outbox, log });
    const goOn = () => {
      health.set(DISPATCH, !restored.anyStopped);
      void past.end(restored.epochBase);
    };
    restored.onRecovered(goOn);
    if (restored.epochBase > 0) goOn();
    const model = (tenant: string) => sessions.modelFor(tenant);
    const stored = createRuns(database.db);
    const session = { clock, log, ...config };
    const watch = new SessionWatch({
      rows: new DeviceSessions(database.db),
      edges: () => sessions.edges(),
      clock,
      log,
      everyMs: config.heartbeatMs,
    });
    life.onStop('session watch', () => watch.stop());
    watch.start();
    const edgeParts = {
      ...session,
      replica,
      watch,
      restored,
      setAside,
      admission: new Admission({ atOnce: config.maxStarts, patienceMs: PATIENCE_MS, clock }),
      runs,
      calls: dispatcher.devices,
      feeds: dispatcher.feeds,
      devices,
      signer,
      model,
      durability: database.durability,
    };
    const unwatch = watchWorkers({
      workers: () => sessions.workers(),
      ended: (tokens) => endedWorkerTokens(database.db, tokens),
      clock,
      log,
      everyMs: config.heartbeatMs,
    });
    life.onStop('worker watch', unwatch);
    const workerParts = { ...session, jobs: dispatcher.workers, replica, plugins };
    const workers = () => dispatcher.presence.views();
    const deviceDoors = new Doors(config.maxDeviceSessions, 'sessions of this device', 'BOWLINE_MAX_DEVICE_SESSIONS');
    const keyDoors = new Doors(config.maxKeySessions, 'sessions with this worker key', 'BOWLINE_MAX_KEY_SESSIONS');
    const underWay = new CallsUnderWay();
    const mesh: MeshParts = {
      runs,
      feeds: dispatcher.feeds,
      devices,
      restored,
      calls: dispatcher.devices,
      workers,
      methods,
      edgePackages: new Set(edgeCapabilities.map((service) => service.file.proto.package)),
      defaultTimeoutMs: config.callTimeoutMs,
      underWay,
      log,
    };
    const faults = new RequestFaults(log);
    const turns = watchTurns(sparing(log, clock));
    life.onStop('turn watch', () => turns.stop());
    const server = await listen({
      host: config.host,
      port: config.port,
      heartbeatMs: config.heartbeatMs,
      maxFrameBytes: config.maxFrameBytes,
      maxPeers: config.maxPeers,
      maxStrangers: config.maxStrangers,
      maxStreams: config.maxStreams,
      maxStrangerCalls: config.maxStrangerCalls,
      maxStrangerBytes: config.maxStrangerBytes,
      maxHeaderBytes: config.maxHeaderBytes,
      tls,
      isOpen,
      sign: signer.sign,
      gate: authGate(authenticator, log),
      clock,
      log,
      faults,
      interceptors: [errorInterceptor(log), goneInterceptor, headerInterceptor, validateInterceptor],
      changing: pluginRoutes({ mesh, plugins }, log),
      routes: routes({
        edge: {
          connect: (requests, context) => {
            const device = deviceOf(context);
            deviceDoors.until(context.signal, `${device.tenant}/${device.id}`);
            return serveEdge(edgeParts, device, requests, endsOf(context), (edge) => sessions.addEdge(edge));
          },
        },
        worker: {
          work: (requests, context) => {
            const key = workerOf(context);
            keyDoors.until(context.signal, key.id);
            return serveWorker(workerParts, key, requests, endsOf(context), (worker) => sessions.addWorker(worker));
          },
        },
        enrolment: enrolmentService({ enrolment, devices, signingKey: signer }),
        runs: runApi({
          runs,
          stored,
          feeds: dispatcher.feeds,
          devices,
          workers,
          methods,
          now: () => clock.now(),
        }),
        conversations: conversationApi({
          conversations: createConversations(database.db),
          runs: stored,
          summary: (tenant, conversation) => runs.summary(tenant, conversation),
          audit: (entries) => writeAudit(database.db, entries),
        }),
        devices: deviceApi({ devices, enrolment, sessions, calls: dispatcher.devices }),
        workers: workerApi({
          sessions,
          createToken: async (wanted, by) => {
            const { id, token } = await createWorkerToken(database.db, wanted, by);
            return { id, token: withPin(token, signer.publicKey) };
          },
          packages: workerCapabilities.map((service) => service.file.proto.package),
          plugins,
        }),
        registry: registryApi({ methods, devices, sessions }),
        status: statusApi({
          sessions,
          replica,
          database: database.kind,
          startedAt,
          turns: () => turns.figures,
          clock: () => clock.figures,
          faults: () => faults.count,
          children: () => options.children?.() ?? [],
          noticed: (tenant) => recentAudit(database.db, tenant, NOTICED),
          stopped: (tenant) => restored.why(tenant)?.message ?? '',
          takesCommits: () => health.get(DATABASE) !== false,
          counts: async (tenant) => ({
            devices: await devices.online(tenant),
            openRuns: await stored.countOpen(tenant),
            waitingJobs: await outbox.countFree(tenant),
          }),
        }),
        approvals: approvalApi(),
        usage: usageApi({ since: (tenant, since) => usageSince(database.db, tenant, since), now: () => clock.now() }),
        audit: auditApi({ list: (tenant, page) => listAudit(database.db, tenant, page) }),
        pluginApi: pluginApi(plugins),
        plugins,
        health,
        mesh,
      }),
    });
    // Shares of the time that the shutdown has, so that a peer that hangs in one step leaves time for the others.
    let budgetMs = config.drainMs;
    life.onStop('listener', () => server.close(Math.min(budgetMs / 4, 2_000)));
    life.onStop('sessions', () => drain({ sessions, dispatcher, underWay, clock }, budgetMs / 2));
    // Before the sessions: whoever is asked to leave must not come back to this replica.
    life.onStop('new connections', () => server.refuse());
    const probe = commitProbe(database.pool, replica);
    const notReady = await watchReadiness({
      health,
      database: async () => {
        await probe();
        // A full disk may take the question and no commit.
        if (pg.fails(REFUSED_MS)) throw new AppError('STORE_UNAVAILABLE', { problem: 'commits are not taken' });
      },
      queue: () => opened.ping(),
      clock,
      log,
      everyMs: READY_MS,
    });
    life.onStop('readiness', notReady);
    life.onStop('upkeep', startUpkeep(database, { clock, log, inboxDays: config.inboxDays }));
    const url = serverUrl(tls !== undefined, server.host, server.port);
    log.info('the control plane listens', { url, database: database.kind, replica });
    return {
      url,
      replica,
      tenant: DEFAULT_TENANT,
      database: database.kind,
      ownerKey: owner.key,
      workerKey,
      publicKey: signer.publicKey,
      model: () => model(DEFAULT_TENANT),
      devices: () => sessions.edges().map((edge) => edge.deviceName),
      createJoinToken: async (name) =>
        (await enrolment.createJoinToken(DEFAULT_TENANT, name, 10 * 60_000, 'control')).token,
      stop: (deadlineMs) => {
        budgetMs = deadlineMs;
        return life.stop(deadlineMs);
      },
    };
  } catch (error) {
    await life.stop(config.drainMs);
    throw error;
  }
}

/** Throws TLS_UNUSABLE, and SECRET_FILE_UNSAFE for a key that others can read. */
function listenerTls({ tlsCert, tlsKey }: ControlConfig): ServerTls | undefined {
  if (tlsCert === undefined || tlsKey === undefined) return undefined;
  const key = new Secret(readSecretFile(tlsKey));
  try {
    return { cert: readFileSync(tlsCert, 'utf8'), key };
  } catch (cause) {
    const problem = cause instanceof Error ? cause.message : String(cause);
    throw new AppError('TLS_UNUSABLE', { problem }, { cause });
  }
}

/** Edges connect again within a second of being asked; those that are older than that wait for nothing else. */
const EDGES_LEAVE_MS = 2_000;

interface Drained {
  readonly sessions: Sessions;
  readonly dispatcher: Dispatcher;
  readonly underWay: CallsUnderWay;
  readonly clock: Clock;
}

/** Asks everyone to leave, waits a bounded time for calls and for workers to finish what they hold, then ends the sessions. */
async function drain({ sessions, dispatcher, underWay, clock }: Drained, ms: number): Promise<void> {
  dispatcher.leave();
  for (const worker of sessions.workers()) worker.drain(ms);
  const edgesMs = Math.min(ms / 2, EDGES_LEAVE_MS);
  for (const edge of sessions.edges()) edge.drain(edgesMs);
  const answered = underWay.drain(clock, ms);
  const begin = clock.monotonic();
  const within = (limit: number) => clock.monotonic() - begin < limit;
  while ((dispatcher.workers.running > 0 && within(ms)) || (sessions.edges().length > 0 && within(edgesMs))) {
    await new Promise<void>((resolve) => clock.after(20, resolve));
  }
  for (const edge of sessions.edges()) edge.end();
  await answered;
  for (const worker of sessions.workers()) worker.end();
}
