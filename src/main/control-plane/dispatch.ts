// Wires dispatch: makes its parts in their order, and then tells each what it hears of the others. Owns no decision.
import type { Clock } from '../../base/clock.ts';
import type { Logger } from '../../base/logger.ts';
import type { MethodRegistry } from '../../contract/registry.ts';
import type { RouteRules } from '../../contract/routes/rules.ts';
import { afterCommit } from '../../control/dispatch/after-commit.ts';
import { Attempts } from '../../control/dispatch/attempts/attempts.ts';
import { DeviceCalls, type DeviceCallsParts } from '../../control/dispatch/devices/device-calls.ts';
import type { DispatchConfig } from '../../control/dispatch/dispatch-config.ts';
import { answerFollower } from '../../control/dispatch/feeds/answer-follower.ts';
import { RunFeeds } from '../../control/dispatch/feeds/run-feeds.ts';
import { LeaseLoop } from '../../control/dispatch/loops/lease-loop.ts';
import { TimerLoop } from '../../control/dispatch/loops/timer-loop.ts';
import { Signals } from '../../control/dispatch/signals/signals.ts';
import { Backlog } from '../../control/dispatch/workers/backlog.ts';
import { ChildJobs } from '../../control/dispatch/workers/child-jobs.ts';
import { endHopeless } from '../../control/dispatch/workers/end-hopeless.ts';
import { FreeSearch } from '../../control/dispatch/workers/free-search.ts';
import { JobDequeuer } from '../../control/dispatch/workers/job-dequeuer.ts';
import { JobSender } from '../../control/dispatch/workers/job-sender.ts';
import type { LocalWorkers } from '../../control/dispatch/workers/local-workers.ts';
import { PromisedJobs } from '../../control/dispatch/workers/promised-jobs.ts';
import { ProviderPauses } from '../../control/dispatch/workers/provider-pauses.ts';
import { Relay, type RelayRow } from '../../control/dispatch/workers/relay.ts';
import { Settler, type SettlerParts } from '../../control/dispatch/workers/settler.ts';
import { WarmWorkers } from '../../control/dispatch/workers/warm-workers.ts';
import { WorkerJobs } from '../../control/dispatch/workers/worker-jobs.ts';
import type { PresenceHandler, WorkerPresence } from '../../control/dispatch/workers/worker-presence.ts';
import { WorkersFor } from '../../control/dispatch/workers/workers-for.ts';
import type { PriceRules } from '../../control/ledger/price-table.ts';
import type { Orchestrator } from '../../control/orchestrator/service/orchestrator.ts';
import type { VersionsKnown } from '../../control/store/versions-known.ts';
import type { DispatchPorts } from './options.ts';

export interface DispatchParts extends DispatchPorts {
  readonly runs: Orchestrator;
  /** The workers of this replica, and what it hears of those of the others. */
  readonly local: LocalWorkers;
  readonly presence: WorkerPresence;
  readonly methods: MethodRegistry;
  /** Whether every replica knows what this one writes. */
  readonly versions: VersionsKnown;
  /** What budgets count where nobody says. */
  readonly prices: PriceRules;
  /** The name of a device that was removed, or is being removed. */
  readonly removed: DeviceCallsParts['removed'];
  readonly clock: Clock;
  readonly log: Logger;
  readonly config: DispatchConfig;
  /** The routing rules; undefined while there are none. */
  readonly rules: () => RouteRules | undefined;
  /** Told of each result that a worker brought. */
  readonly onResult: NonNullable<SettlerParts['onResult']>;
  /** Told after workers came, went or drain, on any replica. */
  readonly onWorkers: () => void;
}

export interface Dispatch {
  readonly jobs: WorkerJobs;
  readonly devices: DeviceCalls;
  readonly feeds: RunFeeds;
  readonly signals: Signals;
  start(): Promise<void>;
  /** Takes nothing new, gives back what no worker has, and says so to the other replicas. */
  leave(): void;
  /** Stops taking and firing, and gives up the lease; sessions are stopped by their owner before. */
  stop(): Promise<void>;
}

export function wireDispatch(given: DispatchParts): Dispatch {
  const parts = makeParts(given);
  const { jobs, devices, feeds, signals, follower, timers, leases } = parts;
  const { presence } = given;
  const unlisten = listen(given, parts);
  return {
    jobs,
    devices,
    feeds,
    signals,
    async start() {
      await signals.start(follower);
      await leases.start();
      presence.start(ofReplicas(given, parts));
      timers.start();
    },
    leave() {
      jobs.leave();
      presence.leave();
    },
    async stop() {
      unlisten();
      await timers.stop();
      await jobs.stop();
      await presence.stop();
      await leases.stop();
      await signals.stop();
    },
  };
}

type Parts = ReturnType<typeof makeParts>;

/** Each is given what stands already; none knows what comes after it. */
function makeParts(given: DispatchParts) {
  const { runs, outbox, queue, bus, local, presence, methods, clock, log, config, onResult } = given;
  const { replica } = config;
  const pauses = new ProviderPauses({
    clock,
    onOver: () => jobs.kick(),
    onPaused: (account, ms) => presence.tellPause(account, ms),
  });
  const workers = () => pauses.seeAll(presence.views());
  const signals = new Signals(bus, log, clock, () => presence.alone);
  const backlog = new Backlog();
  const attempts = new Attempts();
  const spend: WorkerPresence['spend'] = (worker, slots) => presence.spend(worker, slots);
  const conversationOf = (tenant: string, run: string) => runs.conversationKnown(tenant, run);
  const warm = new WarmWorkers({ rules: given.rules, conversationOf });
  const liking = (row: RelayRow) => warm.likingFor(row);
  const relay = new Relay({ replica, queue, outbox, backlog, signals, clock, log, workers, spend, liking });
  const attempt = (tenant: string, job: string) => attempts.ofJob(tenant, job);
  const waits = (tenant: string, run: string) => relay.waits(tenant, run);
  const { maxLiveBytes } = config;
  const feeds = new RunFeeds({ runs, signals, log, attempt, waits, clock, maxLiveBytes });
  const follower = answerFollower({ runs, attempt, waits });
  const settler = new Settler({
    runs,
    clock,
    log,
    attempts,
    onResult: (attempt, result) => {
      onResult(attempt, result);
      pauses.ended(attempt.session?.view(), result);
      if (result.case === 'done') warm.ended(attempt);
    },
  });
  const { maxTextBytes } = config;
  const { prices } = given;
  const sender = new JobSender({ runs, signals, methods, clock, log, attempts, settler, maxTextBytes, prices });
  const workersFor = new WorkersFor({ replica, local, workers, pauses, liking });
  const promised = new PromisedJobs({ workersFor, sender, attempts });
  const search = new FreeSearch({ outbox, weights: config.weights, now: () => clock.now() });
  const hands = { runs, outbox, queue, relay, backlog, sender, promised, log, attempts, search };
  const dequeuer = new JobDequeuer({ replica, workersFor, ...hands });
  const children = new ChildJobs({ runs, methods, log, open: (tenant, run) => feeds.open(tenant, run) });
  const jobs = new WorkerJobs({
    runs,
    outbox,
    local,
    attempts,
    settler,
    dequeuer,
    relay,
    presence,
    signals,
    clock,
    log,
    replica,
    graceMs: config.workerGraceMs,
    maxTextBytes,
    children,
  });
  const devices = new DeviceCalls({
    runs,
    outbox,
    removed: given.removed,
    signals,
    clock,
    log,
    callTtlMs: config.callTtlMs,
  });
  const timers = new TimerLoop({ timers: given.timers, runs, clock, log, scanMs: config.scanMs });
  const leases = new LeaseLoop({
    leases: given.leases,
    versions: given.versions,
    outbox,
    workers: jobs,
    relay,
    clock,
    log,
    config,
    scan: async () => {
      await devices.scan();
      await endHopeless({ runs, relay, log, afterMs: config.noWorkerMs });
      feeds.scan();
    },
  });
  return { signals, follower, backlog, attempts, relay, feeds, dequeuer, jobs, devices, timers, leases, pauses };
}

/** What is heard from below. Returns how to stop hearing of commits; the rest ends with its parts. */
function listen({ runs, local, presence, onWorkers }: DispatchParts, parts: Parts): () => void {
  const { attempts, backlog, dequeuer, jobs } = parts;
  attempts.onRemoved(() => jobs.kick());
  backlog.onFlag((capability, tell) => {
    if (tell) presence.tellBacklog(capability);
    jobs.kick();
  });
  local.onChange(() => {
    dequeuer.listen();
    presence.workersChanged();
    onWorkers();
    jobs.workersChanged();
  });
  runs.handOffThrough(dequeuer);
  return runs.onCommitted(afterCommit({ ...parts, presence }));
}

/** What is heard from the other replicas. */
function ofReplicas({ onWorkers }: DispatchParts, { backlog, feeds, jobs, pauses, relay }: Parts): PresenceHandler {
  return {
    replicaMet: () => feeds.renew(),
    workersChanged: () => {
      jobs.workersChanged();
      onWorkers();
    },
    replicaLeft: (replica) => void relay.replicaLeft(replica),
    jobsWait: (capability) => backlog.flag(capability),
    paused: (account, ms) => void pauses.heard(account, ms),
    dispatchesEnded: (dispatchIds) => void jobs.stopIfStale(dispatchIds),
  };
}
