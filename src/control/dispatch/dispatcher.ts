// Puts dispatch together: what a commit added goes to queues and devices, what it ended is stopped, timers fire, leases
// are renewed, and what no live lease names is taken over. Starts and stops the loops; owns no decision.
import type { RunEvent } from '../../../gen/bowline/event/v1/event_pb.ts';
import type { Clock } from '../../base/clock.ts';
import { dispatchId } from '../../base/ids.ts';
import type { Logger } from '../../base/logger.ts';
import type { MethodRegistry } from '../../contract/registry.ts';
import type { FoldedRun } from '../orchestrator/run/state.ts';
import type { Orchestrator } from '../orchestrator/service/orchestrator.ts';
import type { Committed } from '../orchestrator/service/run-commits.ts';
import type { Bus, JobQueue } from '../queue/ports.ts';
import type { Leases } from '../store/leases.ts';
import type { Outbox } from '../store/outbox.ts';
import type { Timers } from '../store/timers.ts';
import { DeviceCalls } from './devices/device-calls.ts';
import type { DispatchConfig } from './dispatch-config.ts';
import { answerFollower } from './feeds/answer-follower.ts';
import { RunFeeds } from './feeds/run-feeds.ts';
import { LeaseLoop } from './loops/lease-loop.ts';
import { TimerLoop } from './loops/timer-loop.ts';
import { Signals } from './signals/signals.ts';
import { Backlog } from './workers/backlog.ts';
import { ChildJobs } from './workers/child-jobs.ts';
import { endHopeless } from './workers/end-hopeless.ts';
import { Relay } from './workers/relay.ts';
import { WorkerJobs } from './workers/worker-jobs.ts';
import { WorkerPresence } from './workers/worker-presence.ts';

export interface DispatchParts {
  readonly runs: Orchestrator;
  readonly outbox: Outbox;
  readonly leases: Leases;
  readonly timers: Timers;
  readonly queue: JobQueue;
  readonly bus: Bus;
  readonly methods: MethodRegistry;
  readonly clock: Clock;
  readonly log: Logger;
  readonly config: DispatchConfig;
  /** Workers came, went or drain, on any replica. */
  readonly onWorkers?: () => void;
}

export class Dispatcher {
  readonly workers: WorkerJobs;
  readonly devices: DeviceCalls;
  readonly feeds: RunFeeds;
  readonly relay: Relay;
  readonly presence: WorkerPresence;
  readonly #runs: Orchestrator;
  readonly #signals: Signals;
  readonly #timers: TimerLoop;
  readonly #leases: LeaseLoop;
  readonly #unlisten: () => void;

  constructor(parts: DispatchParts) {
    const { runs, outbox, queue, bus, clock, log, config } = parts;
    const signals = new Signals(bus, log, clock, () => this.presence.alone);
    this.#runs = runs;
    this.#signals = signals;
    const backlog = new Backlog();
    this.presence = new WorkerPresence({
      bus,
      clock,
      log,
      replica: config.replica,
      everyMs: config.scanMs,
      expireMs: Math.max(config.leaseMs, 3 * config.scanMs),
      local: () => this.workers.sessions(),
      met: () => this.feeds.renew(),
      changed: () => {
        this.workers.changed();
        parts.onWorkers?.();
      },
      gone: (replica) => void this.relay.replicaGone(replica),
      backlog: (capability) => {
        backlog.flag(capability);
        this.workers.kick();
      },
      ended: (dispatchIds) => void this.workers.stopIfStale(dispatchIds),
    });
    backlog.onTell((capability) => this.presence.tellBacklog(capability));
    const workers = () => this.presence.views();
    this.relay = new Relay({
      replica: config.replica,
      queue,
      outbox,
      backlog,
      signals,
      clock,
      log,
      workers,
      spend: (worker, slots) => this.presence.spend(worker, slots),
    });
    this.workers = new WorkerJobs({
      runs,
      outbox,
      queue,
      relay: this.relay,
      backlog,
      workers,
      onWorkers: () => {
        this.presence.workersChanged();
        parts.onWorkers?.();
      },
      onSlots: () => this.presence.slotsChanged(),
      signals,
      methods: parts.methods,
      clock,
      log,
      replica: config.replica,
      graceMs: config.workerGraceMs,
      maxTextBytes: config.maxTextBytes,
      children: new ChildJobs({
        runs,
        methods: parts.methods,
        log,
        open: (tenant, run) => this.feeds.open(tenant, run),
      }),
    });
    this.devices = new DeviceCalls({ runs, outbox, signals, clock, log, callTtlMs: config.callTtlMs });
    this.feeds = new RunFeeds({
      runs,
      signals,
      log,
      attempt: (tenant, job) => this.workers.attempt(tenant, job),
      waits: (tenant, run) => this.relay.waits(tenant, run),
      clock,
      maxLiveBytes: config.maxLiveBytes,
    });
    this.#timers = new TimerLoop({ timers: parts.timers, runs, clock, log, scanMs: config.scanMs });
    this.#leases = new LeaseLoop({
      leases: parts.leases,
      outbox,
      workers: this.workers,
      relay: this.relay,
      clock,
      log,
      config,
      scan: async () => {
        await this.devices.scan();
        await endHopeless({ runs, relay: this.relay, log, afterMs: config.noWorkerMs });
        this.feeds.scan();
      },
    });
    this.#unlisten = runs.onCommitted((committed) => this.#committed(committed));
  }

  async start(): Promise<void> {
    const answer = answerFollower({
      runs: this.#runs,
      attempt: (tenant, job) => this.workers.attempt(tenant, job),
      waits: (tenant, run) => this.relay.waits(tenant, run),
    });
    await this.#signals.start(answer);
    await this.#leases.start();
    this.presence.start();
    this.#timers.start();
  }

  /** Tells all replicas that a key was revoked. Never throws. */
  keyRevoked(id: string): void {
    this.#signals.keyRevoked(id);
  }

  /** Hears of keys that were revoked, on whatever replica. Returns how to stop. */
  onKeyRevoked(revoked: (id: string) => void): () => void {
    return this.#signals.ofKeys(revoked);
  }

  /** Takes nothing new, gives back what no worker has, and says so to the other replicas. */
  leave(): void {
    this.workers.leave();
    this.presence.leave();
  }

  /** Stops taking and firing, and gives up the lease; sessions are stopped by their owner before. */
  async stop(): Promise<void> {
    this.#unlisten();
    await this.#timers.stop();
    await this.workers.stop();
    await this.presence.stop();
    await this.#leases.stop();
    await this.#signals.stop();
  }

  #committed({ tenant, run, state, events, outboxAdded, outboxDone, timersAdded }: Committed): void {
    this.feeds.committed(state);
    const toWorkers = outboxAdded
      .filter((row) => row.target === 'worker' && row.state === 'ready')
      .map((row) => ({ ...row, tenant, method: state.jobs.get(row.job)?.method ?? '' }));
    const toQueue = toWorkers.length > 0 ? this.workers.offer(toWorkers, state) : [];
    if (toQueue.length > 0) void this.relay.add(toQueue).then(() => this.workers.kick());
    this.devices.added(
      outboxAdded.filter((row) => row.target === 'device').map((row) => ({ ...row, tenant })),
      state,
    );
    this.relay.forget(outboxDone);
    for (const event of events) this.#stopOnDevice(tenant, state, event);
    this.#stopOnWorkers(state, events, outboxDone);
    for (const { dueInMs } of timersAdded) this.#timers.soon(dueInMs);
    this.#signals.toRun(tenant, run, { case: 'changed', value: BigInt(state.version) });
  }

  /** Here at once; a worker of another replica is asked to stop by that one. */
  #stopOnWorkers(state: FoldedRun, events: readonly RunEvent[], outboxDone: readonly string[]): void {
    const unwanted = events.flatMap(({ event }) =>
      event.case === 'jobCancelling' ? [dispatchId(event.value.job, Number(event.value.epoch))] : [],
    );
    const ended = [...outboxDone, ...unwanted].filter(
      (id) => state.jobs.get(id.slice(0, id.lastIndexOf('-')))?.target === 'worker',
    );
    const elsewhere = ended.filter((id) => !this.workers.knows(id));
    if (elsewhere.length > 0) this.presence.tellEnded(elsewhere);
    this.workers.stopAttempts(ended);
  }

  #stopOnDevice(tenant: string, state: FoldedRun, { event }: RunEvent): void {
    if (event.case !== 'jobCancelling' && event.case !== 'jobCancelled') return;
    const job = state.jobs.get(event.value.job);
    if (job?.target === 'device') this.devices.cancel(tenant, job.device, job.id, Number(event.value.epoch));
  }
}
