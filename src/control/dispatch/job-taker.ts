// Takes jobs from the queues on behalf of free slots and hands them to workers. The queue's word is a hint; every decision
// rests on the outbox and on the run's stream. What is in its hands and has no worker yet is kept, and named by the lease.
import { create, toBinary } from '@bufbuild/protobuf';
import { durationFromMs } from '@bufbuild/protobuf/wkt';
import { ChatRequestSchema } from '../../../gen/bowline/capability/llm/v1/llm_pb.ts';
import { JobAssignmentSchema } from '../../../gen/bowline/worker/v1/worker_pb.ts';
import { AppError } from '../../base/errors.ts';
import type { Logger } from '../../base/logger.ts';
import { toFailure } from '../../contract/errors.ts';
import { isHarmless } from '../../contract/policy.ts';
import type { MethodRegistry } from '../../contract/registry.ts';
import { chatRequest } from '../orchestrator/chat-request.ts';
import type { RunService } from '../orchestrator/run-service.ts';
import type { JobState, RunState } from '../orchestrator/state.ts';
import type { JobQueue, TakenJob } from '../queue/ports.ts';
import { place } from '../routing/place.ts';
import type { Outbox, StoredOutboxRow } from '../store/outbox.ts';
import type { Attempts } from './attempts.ts';
import { commonQueue, needOf, type Relay, type RelayRow, replicaQueue } from './relay.ts';
import type { WorkerSession } from './session-ports.ts';
import type { Settler } from './settler.ts';
import type { Signals } from './signals.ts';

export interface JobTakerParts {
  readonly runs: RunService;
  readonly outbox: Outbox;
  readonly queue: JobQueue;
  readonly relay: Relay;
  readonly signals: Signals;
  readonly methods: MethodRegistry;
  readonly log: Logger;
  readonly replica: string;
  readonly attempts: Attempts;
  readonly settler: Settler;
  readonly sessions: () => readonly WorkerSession[];
}

interface Hand {
  /** Its lock in the queue; none when it was committed here and never queued. */
  readonly taken: TakenJob | undefined;
  /** Read after it was taken; absent while the store could not be asked. */
  row?: StoredOutboxRow;
  /** It has a worker and is on its way to it. */
  starting?: boolean;
}

/** Jobs taken that have no worker yet. */
const MAX_HANDS = 64;

export class JobTaker {
  readonly #parts: JobTakerParts;
  readonly #hands = new Map<string, Hand>();
  readonly #listening = new Map<string, () => void>();
  #taking: Promise<void> | undefined;
  #again = false;
  #stopped = false;

  constructor(parts: JobTakerParts) {
    this.#parts = parts;
  }

  /** Dispatches that were taken and have no worker yet. */
  held(): string[] {
    return [...this.#hands.keys()];
  }

  /** Listens to the queues that the connected workers serve. */
  listen(): void {
    if (this.#stopped) return;
    const wanted = new Set(this.#parts.sessions().flatMap((session) => this.#queuesOf(session)));
    for (const [queue, stop] of this.#listening) {
      if (wanted.has(queue)) continue;
      stop();
      this.#listening.delete(queue);
    }
    for (const queue of wanted) {
      if (this.#listening.has(queue)) continue;
      this.#listening.set(
        queue,
        this.#parts.queue.onReady(queue, () => this.kick()),
      );
    }
  }

  /** Looks for work; calls are merged. */
  kick(): void {
    if (this.#stopped) return;
    this.#again = true;
    this.#taking ??= this.#run().finally(() => {
      this.#taking = undefined;
      if (this.#again) this.kick();
    });
  }

  /**
   * Jobs that were committed here just now: those that a worker of this replica has a free slot for, and that nothing older
   * waits before, are handed to it at once, past the queue. Returns the others.
   */
  offer(rows: readonly RelayRow[], state: RunState): RelayRow[] {
    if (this.#stopped) return [...rows];
    return rows.filter((row) => !this.#offer(row, state));
  }

  /** These are over: whoever has not started them drops them. */
  over(dispatchIds: readonly string[]): void {
    for (const id of dispatchIds) {
      const hand = this.#hands.get(id);
      if (hand) this.#drop(id, hand);
    }
  }

  #offer(row: RelayRow, state: RunState): boolean {
    if (
      this.#hands.size >= MAX_HANDS ||
      [...this.#hands.values()].some(({ starting }) => !starting) ||
      this.#parts.relay.hasQueued(row)
    )
      return false;
    const session = this.#sessionFor(row);
    if (!session) return false;
    const hand: Hand = { taken: undefined, row: { ...row, createdAt: 0 } };
    this.#hands.set(row.dispatchId, hand);
    void this.#start(row.dispatchId, hand, hand.row!, state, session).catch((error: unknown) =>
      this.#failed(row.dispatchId, hand, error),
    );
    return true;
  }

  /** Renews the queue's locks on what is in hand. Never throws. */
  async renew(): Promise<void> {
    const held = [
      ...[...this.#hands].map(([id, { taken }]) => ({ taken, lost: () => this.#hands.delete(id) })),
      ...this.#parts.attempts.all().map(({ taken }) => ({ taken, lost: () => false })),
    ];
    await Promise.all(
      held.map(async ({ taken, lost }) => {
        try {
          if (taken && !(await taken.extend())) lost();
        } catch (error) {
          this.#parts.log.debug('a lock of the queue was not renewed', { why: String(error) });
        }
      }),
    );
  }

  /** Takes nothing new; gives back what was not handed out. */
  async stop(): Promise<void> {
    this.#stopped = true;
    this.#again = false;
    for (const stop of this.#listening.values()) stop();
    this.#listening.clear();
    await this.#taking;
    for (const [id, { taken }] of this.#hands) {
      this.#hands.delete(id);
      await taken?.release();
    }
  }

  async #run(): Promise<void> {
    while (this.#again && !this.#stopped) {
      this.#again = false;
      try {
        await this.#parts.relay.retry();
        await this.#handOutAll();
        for (const queue of [...this.#listening.keys()]) await this.#takeFrom(queue);
      } catch (error) {
        // What was taken stays in hand; the next kick or scan goes on with it.
        this.#parts.log.warn('jobs could not be taken', { why: String(error) });
      }
    }
  }

  async #takeFrom(queue: string): Promise<void> {
    const max = Math.min(this.#freeFor(queue), MAX_HANDS - this.#hands.size);
    if (max <= 0) return;
    const taken = await this.#parts.queue.take(queue, max);
    if (taken.length === 0) return;
    for (const job of taken) this.#hands.set(job.id, { taken: job });
    // Named by the lease as being in hand from now on.
    this.#parts.relay.forget(taken.map(({ id }) => id));
    this.#again = true;
    await this.#handOutAll();
  }

  async #handOutAll(): Promise<void> {
    if (this.#hands.size === 0) return;
    const unread = [...this.#hands].filter(([, hand]) => !hand.row);
    const rows = await this.#parts.outbox.check(unread.map(([id]) => id));
    const current = new Map(rows.map((row) => [row.dispatchId, row]));
    for (const [id, hand] of unread) {
      const row = current.get(id);
      if (!row || this.#parts.attempts.get(id)) this.#drop(id, hand);
      else if (hand.taken?.startedBefore) await this.#superseded(row, hand);
      else hand.row = row;
    }
    for (const [id, hand] of [...this.#hands]) {
      try {
        if (hand.row && !hand.starting) await this.#handOut(id, hand, hand.row);
      } catch (error) {
        this.#failed(id, hand, error);
      }
    }
  }

  #failed(id: string, hand: Hand, error: unknown): void {
    this.#parts.log.warn('a job could not be handed out', { dispatch: id, why: String(error) });
    // One that can never be handed out must not keep a place; the reconciler has it from now on.
    if (!(error instanceof AppError && error.retryable)) this.#drop(id, hand);
  }

  async #superseded(row: StoredOutboxRow, hand: Hand): Promise<void> {
    await this.#parts.settler.recordLoss(row, 'another replica had started it');
    this.#drop(row.dispatchId, hand);
  }

  async #handOut(id: string, hand: Hand, row: StoredOutboxRow): Promise<void> {
    const state = await this.#parts.runs.state(row.tenant, row.run, row);
    const job = state?.jobs.get(row.job);
    if (!state || !job || job.epoch !== row.epoch || (job.phase !== 'queued' && job.phase !== 'running')) {
      return this.#drop(id, hand);
    }
    const session = this.#sessionFor({ ...row, method: job.method });
    if (session) await this.#start(id, hand, row, state, session);
  }

  async #start(id: string, hand: Hand, row: StoredOutboxRow, state: RunState, session: WorkerSession): Promise<void> {
    const { attempts, settler, signals } = this.#parts;
    const job = state.jobs.get(row.job);
    if (!job) return this.#drop(id, hand);
    const giveBack = session.reserve();
    hand.starting = true;
    let sent = false;
    try {
      const ready = this.#isHarmless(job) || (await this.#mayStart(row, session));
      if (!ready) return this.#drop(id, hand);
      // It may have been cancelled meanwhile.
      if (this.#hands.get(id) !== hand) return;
      const attempt = attempts.add(row, session, state.kind === 'call', hand.taken);
      this.#hands.delete(id);
      try {
        session.assign(this.#assignment(row, state, job));
        sent = true;
      } catch (error) {
        if (error instanceof AppError && error.reason === 'CLOSED') {
          await settler.lose(attempt, 'the worker left before it had the job');
        } else {
          this.#parts.log.error('a job could not be sent', error, { dispatch: id });
          await settler.settle(attempt, { case: 'failure', value: toFailure(error, this.#parts.log) });
        }
        return;
      }
      signals.toRun(row.tenant, row.run, {
        case: 'running',
        value: { job: row.job, epoch: BigInt(row.epoch), targetName: attempt.targetName },
      });
    } finally {
      hand.starting = false;
      if (!sent) giveBack();
    }
  }

  #sessionFor(row: RelayRow): WorkerSession | undefined {
    const sessions = new Map(this.#parts.sessions().map((session) => [session.id, session]));
    const placement = place(
      needOf(row),
      [...sessions.values()].map((session) => session.view()),
    );
    return placement.ok ? sessions.get(placement.worker.id) : undefined;
  }

  #isHarmless(job: JobState): boolean {
    const method = this.#parts.methods.byFullName(job.method);
    return method !== undefined && (method.idempotent || isHarmless(method.effect));
  }

  /** For a method with an effect the attempt is committed before it is sent; a second start of one epoch is refused. */
  async #mayStart(row: StoredOutboxRow, session: WorkerSession): Promise<boolean> {
    const { name, provider } = session.view();
    const done = await this.#parts.runs.command(
      row.tenant,
      row.run,
      { type: 'attemptStarted', job: row.job, epoch: row.epoch, targetName: `worker ${name} (${provider})` },
      { source: 'dispatch', commandId: `start:${row.dispatchId}` },
    );
    return done === 'applied';
  }

  #assignment(row: StoredOutboxRow, state: RunState, job: JobState) {
    const made = job.params.length > 0 || state.kind === 'call';
    const params = made ? job.params : toBinary(ChatRequestSchema, chatRequest(state, job.id, this.#parts.methods));
    return create(JobAssignmentSchema, {
      dispatchId: row.dispatchId,
      job: row.job,
      epoch: BigInt(row.epoch),
      run: row.run,
      tenant: row.tenant,
      method: job.method,
      params,
      idempotencyKey: job.idempotencyKey,
      ...(job.timeoutMs > 0 ? { deadline: durationFromMs(job.timeoutMs) } : {}),
    });
  }

  #drop(id: string, { taken }: Hand): void {
    this.#hands.delete(id);
    taken
      ?.done()
      .catch((error: unknown) =>
        this.#parts.log.warn('a queue entry could not be removed', { dispatch: id, why: String(error) }),
      );
  }

  #freeFor(queue: string): number {
    let free = 0;
    for (const session of this.#parts.sessions()) {
      if (this.#queuesOf(session).includes(queue)) free += session.view().freeSlots;
    }
    return free;
  }

  /** A worker takes jobs of its own tier and of the cheaper ones. */
  #queuesOf(session: WorkerSession): string[] {
    const { packages, tier } = session.view();
    const queues = [replicaQueue(this.#parts.replica)];
    for (const served of packages) for (let t = tier; t >= 0; t--) queues.push(commonQueue(served.package, t));
    return queues;
  }
}
