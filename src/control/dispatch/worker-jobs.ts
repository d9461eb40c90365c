// Jobs for workers: takes them from the queues on behalf of free slots, hands them out, and brings results to the
// orchestrator. The queue's word is a hint; every decision rests on the outbox and on the run's stream.
import { create, toBinary } from '@bufbuild/protobuf';
import { durationFromMs } from '@bufbuild/protobuf/wkt';
import { ChatRequestSchema } from '../../../gen/bowline/capability/llm/v1/llm_pb.ts';
import { ResponsesSchema } from '../../../gen/bowline/event/v1/event_pb.ts';
import {
  type HeldJob,
  JobAssignmentSchema,
  type JobOutput,
  type JobResult,
} from '../../../gen/bowline/worker/v1/worker_pb.ts';
import { fullJitter } from '../../base/backoff.ts';
import { type Clock, sleep } from '../../base/clock.ts';
import { AppError } from '../../base/errors.ts';
import { parseDispatchId } from '../../base/ids.ts';
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
import { type Attempt, Attempts } from './attempts.ts';
import { commonQueue, needOf, type Relay, replicaQueue } from './relay.ts';
import type { WorkerSession } from './session-ports.ts';
import type { Signals } from './signals.ts';
import { streamOutput } from './worker-output.ts';

export interface WorkerJobsParts {
  readonly runs: RunService;
  readonly outbox: Outbox;
  readonly queue: JobQueue;
  readonly relay: Relay;
  readonly signals: Signals;
  readonly methods: MethodRegistry;
  readonly clock: Clock;
  readonly log: Logger;
  readonly replica: string;
  /** How long a worker that vanished may take to come back with its jobs. */
  readonly graceMs: number;
  /** Text of one attempt; a worker that writes more is stopped. */
  readonly maxTextBytes: number;
}

/** Ids taken from one queue at a time. */
const MAX_TAKE = 64;

export class WorkerJobs {
  readonly #parts: WorkerJobsParts;
  readonly #sessions = new Map<string, WorkerSession>();
  readonly #attempts = new Attempts();
  /** Taken, checked, but no session fits at the moment. */
  readonly #misfits = new Map<string, { row: StoredOutboxRow; taken: TakenJob }>();
  readonly #listening = new Map<string, () => void>();
  readonly #graces = new Map<string, () => void>();
  #taking: Promise<void> | undefined;
  #again = false;
  #stopped = false;

  constructor(parts: WorkerJobsParts) {
    this.#parts = parts;
  }

  /** Dispatches in this replica's hands; the lease names them. */
  inFlight(): string[] {
    return [...this.#attempts.ids(), ...this.#misfits.keys()];
  }

  sessions(): WorkerSession[] {
    return [...this.#sessions.values()];
  }

  attempt(tenant: string, job: string): Attempt | undefined {
    return this.#attempts.ofJob(tenant, job);
  }

  /** Takes a session in, adopts the jobs it still holds whose epoch is current, and returns those to drop. */
  async connected(session: WorkerSession, held: readonly HeldJob[]): Promise<string[]> {
    const current = new Map(
      (await this.#parts.outbox.check(held.map(({ dispatchId }) => dispatchId))).map((row) => [row.dispatchId, row]),
    );
    const drop: string[] = [];
    for (const { dispatchId, nextIndex } of held) {
      const row = current.get(dispatchId);
      if (row) this.#adopt(session, row, Number(nextIndex));
      else drop.push(dispatchId);
    }
    this.#sessions.set(session.id, session);
    this.#listen();
    this.kick();
    return drop;
  }

  /** A session ended: its jobs are lost unless the worker is back within the grace time. */
  async gone(session: WorkerSession): Promise<void> {
    this.#sessions.delete(session.id);
    this.#listen();
    for (const attempt of this.#attempts.ofSession(session)) {
      attempt.session = undefined;
      if (attempt.settling || this.#stopped) continue;
      const stop = this.#parts.clock.after(this.#parts.graceMs, () => {
        this.#graces.delete(attempt.dispatchId);
        if (!attempt.session) void this.#lose(attempt, 'the worker is gone');
      });
      this.#graces.set(attempt.dispatchId, stop);
    }
  }

  /** A worker has other free slots than before. */
  credits(_session: WorkerSession): void {
    this.kick();
  }

  /** A response message of a running job. */
  output(session: WorkerSession, frame: JobOutput): void {
    const attempt = this.#attempts.get(frame.dispatchId);
    if (!attempt || attempt.session !== session || attempt.epoch !== Number(frame.epoch)) return;
    const index = Number(frame.index);
    if (index < attempt.nextIndex) return;
    if (index > attempt.nextIndex) {
      throw new AppError('FRAME_OUT_OF_ORDER', { expected: attempt.nextIndex, got: index });
    }
    attempt.nextIndex++;
    if (!attempt.live) return;
    streamOutput(this.#parts.signals, attempt, frame);
    if (attempt.text.bytes > this.#parts.maxTextBytes) {
      session.cancel(attempt.dispatchId, attempt.epoch);
      const failure = toFailure(
        new AppError('LIMIT_EXCEEDED', {
          what: 'the text of one answer',
          limit: `${this.#parts.maxTextBytes} bytes`,
          setting: 'limits.maxTextBytes',
        }),
      );
      void this.#settle(attempt, { case: 'failure', value: failure }, undefined);
    }
  }

  /** A job ended. Committed, then acknowledged; a repeated result is acknowledged again. */
  result(session: WorkerSession, frame: JobResult): void {
    void this.#result(session, frame).catch((error: unknown) =>
      this.#parts.log.error('a result was not taken', error, { dispatch: frame.dispatchId }),
    );
  }

  /** Stops what a committed event cancelled or superseded. */
  over(dispatchIds: readonly string[]): void {
    for (const id of dispatchIds) {
      const misfit = this.#misfits.get(id);
      if (misfit) {
        this.#misfits.delete(id);
        void misfit.taken
          .done()
          .catch(() => this.#parts.log.warn('a queue entry could not be removed', { dispatch: id }));
      }
      const attempt = this.#attempts.get(id);
      if (!attempt || attempt.settling) continue;
      attempt.session?.cancel(id, attempt.epoch);
      this.#forget(attempt);
    }
  }

  /** Looks for work; calls are merged. */
  kick(): void {
    if (this.#stopped) return;
    if (this.#taking) {
      this.#again = true;
      return;
    }
    this.#taking = this.#take()
      .catch((error: unknown) => this.#parts.log.error('taking jobs failed', error))
      .finally(() => {
        this.#taking = undefined;
        if (!this.#again) return;
        this.#again = false;
        this.kick();
      });
  }

  /** Takes nothing new; gives back what was not handed out. */
  async stop(): Promise<void> {
    this.#stopped = true;
    for (const stop of [...this.#listening.values(), ...this.#graces.values()]) stop();
    this.#listening.clear();
    await this.#taking;
    for (const { taken } of this.#misfits.values()) await taken.release();
    this.#misfits.clear();
  }

  async #take(): Promise<void> {
    await this.#parts.relay.retry();
    for (const { row, taken } of [...this.#misfits.values()]) await this.#handOut(row, taken);
    for (const queue of this.#listening.keys()) {
      const free = this.#freeFor(queue);
      if (free <= 0) continue;
      const taken = await this.#parts.queue.take(queue, Math.min(free, MAX_TAKE));
      if (taken.length === 0) continue;
      this.#parts.relay.forget(taken.map(({ id }) => id));
      const rows = new Map(
        (await this.#parts.outbox.check(taken.map(({ id }) => id))).map((row) => [row.dispatchId, row]),
      );
      for (const job of taken) {
        const row = rows.get(job.id);
        if (!row || this.#attempts.get(job.id)) await job.done();
        else if (job.startedBefore) await this.#superseded(row, job);
        else await this.#handOut(row, job);
      }
      this.#again = true;
    }
  }

  #freeFor(queue: string): number {
    let free = 0;
    for (const session of this.#sessions.values())
      if (this.#queuesOf(session).includes(queue)) free += session.view().freeSlots;
    return free - this.#misfits.size;
  }

  async #superseded(row: StoredOutboxRow, taken: TakenJob): Promise<void> {
    await this.#commitLost(row.tenant, row.run, row.job, row.epoch, 'another replica had started it');
    await taken.done();
  }

  async #handOut(row: StoredOutboxRow, taken: TakenJob): Promise<void> {
    const state = await this.#parts.runs.state(row.tenant, row.run, row);
    const job = state?.jobs.get(row.job);
    if (!state || !job || job.epoch !== row.epoch || (job.phase !== 'queued' && job.phase !== 'running')) {
      this.#misfits.delete(row.dispatchId);
      return taken.done();
    }
    const views = [...this.#sessions.values()].map((session) => session.view());
    const placement = place(needOf({ ...row, method: job.method }), views);
    const session = placement.ok ? this.#sessions.get(placement.worker.id) : undefined;
    if (!session || !placement.ok) {
      this.#misfits.set(row.dispatchId, { row, taken });
      return;
    }
    this.#misfits.delete(row.dispatchId);
    const targetName = `worker ${placement.worker.name} (${placement.worker.provider})`;
    if (!(await this.#mayStart(row, job, targetName))) return taken.done();
    const attempt = this.#attempts.add(row, { isCall: state.kind === 'call', live: true, session, targetName, taken });
    try {
      session.assign(assignment(row, state, job, this.#parts.methods));
    } catch (error) {
      this.#attempts.remove(row.dispatchId);
      this.#parts.log.warn('a job could not be sent to its worker', { dispatch: row.dispatchId, why: String(error) });
      await this.#lose(attempt, 'the worker left before it had the job');
      return;
    }
    this.#parts.signals.toRun(row.tenant, row.run, {
      case: 'running',
      value: { job: row.job, epoch: BigInt(row.epoch), targetName },
    });
  }

  /** For a method with an effect the attempt is committed before it is sent; a second start of one epoch is refused. */
  async #mayStart(row: StoredOutboxRow, job: JobState, targetName: string): Promise<boolean> {
    const method = this.#parts.methods.byFullName(job.method);
    if (method && (method.idempotent || isHarmless(method.effect))) return true;
    const done = await this.#parts.runs.command(
      row.tenant,
      row.run,
      { type: 'attemptStarted', job: row.job, epoch: row.epoch, targetName },
      { source: 'dispatch', commandId: `start:${row.dispatchId}` },
    );
    return done === 'applied';
  }

  async #result(session: WorkerSession, frame: JobResult): Promise<void> {
    const id = frame.dispatchId;
    let attempt = this.#attempts.get(id);
    if (!attempt) {
      const [row] = await this.#parts.outbox.check([id]);
      if (!row || !parseDispatchId(id)) return session.committed(id);
      attempt = this.#attempts.get(id) ?? this.#adopt(session, row, 0);
    }
    if (attempt.epoch !== Number(frame.epoch)) return session.committed(id);
    switch (frame.result.case) {
      case 'done':
        return this.#settle(
          attempt,
          { case: 'done', value: create(ResponsesSchema, { messages: frame.result.value.responses }) },
          frame,
        );
      case 'failure':
        return this.#settle(attempt, { case: 'failure', value: frame.result.value }, frame);
      default: {
        // Stopped without a cancel of ours: the worker drained. Someone else goes on.
        await this.#lose(attempt, 'the worker stopped it');
        session.committed(id);
      }
    }
  }

  async #settle(
    attempt: Attempt,
    result:
      | { case: 'done'; value: ReturnType<typeof create<typeof ResponsesSchema>> }
      | { case: 'failure'; value: ReturnType<typeof toFailure> },
    frame: JobResult | undefined,
  ): Promise<void> {
    if (attempt.settling) return;
    attempt.settling = true;
    const { tenant, run, job, epoch, dispatchId, targetName } = attempt;
    for (let round = 1; ; round++) {
      try {
        await this.#parts.runs.command(
          tenant,
          run,
          { type: 'result', job, epoch, result, usage: frame?.usage, targetName },
          { source: 'worker', commandId: dispatchId },
        );
        break;
      } catch (error) {
        if (!(error instanceof AppError && error.retryable)) {
          this.#parts.log.error('a result could not be committed', error, { dispatch: dispatchId });
          break;
        }
        if (this.#stopped) {
          attempt.settling = false;
          return;
        }
        await sleep(this.#parts.clock, fullJitter(round, 100, 5_000));
      }
    }
    attempt.session?.committed(dispatchId);
    this.#forget(attempt);
    this.kick();
  }

  async #lose(attempt: Attempt, why: string): Promise<void> {
    const { tenant, run, job, epoch } = attempt;
    await this.#commitLost(tenant, run, job, epoch, why);
    this.#forget(attempt);
  }

  async #commitLost(tenant: string, run: string, job: string, epoch: number, why: string): Promise<void> {
    try {
      await this.#parts.runs.command(
        tenant,
        run,
        { type: 'attemptLost', job, epoch, why },
        { source: 'dispatch', commandId: `lost:${job}-${epoch}` },
      );
    } catch (error) {
      // The lease does not name it from now on, so the reconciler finds it.
      this.#parts.log.warn('a lost attempt could not be recorded yet', { job, epoch, why: String(error) });
    }
  }

  #adopt(session: WorkerSession, row: StoredOutboxRow, nextIndex: number): Attempt {
    this.#graces.get(row.dispatchId)?.();
    this.#graces.delete(row.dispatchId);
    const known = this.#attempts.get(row.dispatchId);
    const targetName = `worker ${session.view().name} (${session.view().provider})`;
    if (!known) return this.#attempts.add(row, { isCall: false, live: false, session, targetName, nextIndex });
    known.session = session;
    return known;
  }

  #forget(attempt: Attempt): void {
    this.#graces.get(attempt.dispatchId)?.();
    this.#graces.delete(attempt.dispatchId);
    this.#attempts.remove(attempt.dispatchId);
    attempt.taken?.done().catch((error: unknown) =>
      this.#parts.log.warn('a queue entry could not be removed', {
        dispatch: attempt.dispatchId,
        why: String(error),
      }),
    );
  }

  #listen(): void {
    const wanted = new Set([...this.#sessions.values()].flatMap((session) => this.#queuesOf(session)));
    for (const [queue, stop] of this.#listening) {
      if (wanted.has(queue)) continue;
      stop();
      this.#listening.delete(queue);
    }
    for (const queue of wanted) {
      if (!this.#listening.has(queue))
        this.#listening.set(
          queue,
          this.#parts.queue.onReady(queue, () => this.kick()),
        );
    }
  }

  /** A worker takes jobs of its own tier and of the cheaper ones. */
  #queuesOf(session: WorkerSession): string[] {
    const { packages, tier } = session.view();
    const queues = [replicaQueue(this.#parts.replica)];
    for (const served of packages) for (let t = tier; t >= 0; t--) queues.push(commonQueue(served.package, t));
    return queues;
  }
}

function assignment(row: StoredOutboxRow, state: RunState, job: JobState, methods: MethodRegistry) {
  const made = job.params.length > 0 || state.kind === 'call';
  const params = made ? job.params : toBinary(ChatRequestSchema, chatRequest(state, job.id, methods));
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
