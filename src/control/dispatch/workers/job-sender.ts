// Sends one job to one worker: makes its assignment, commits the start of an attempt that may have an effect. It decides
// nothing about which job or worker.
import { create, fromBinary, toBinary } from '@bufbuild/protobuf';
import { durationFromMs } from '@bufbuild/protobuf/wkt';
import { ChatRequestSchema } from '../../../../gen/bowline/capability/llm/v1/llm_pb.ts';
import { Effect } from '../../../../gen/bowline/policy/v1/options_pb.ts';
import { type JobAssignment, JobAssignmentSchema } from '../../../../gen/bowline/worker/v1/worker_pb.ts';
import type { Clock } from '../../../base/clock.ts';
import { AppError } from '../../../base/errors.ts';
import type { Logger } from '../../../base/logger.ts';
import { toFailure } from '../../../contract/errors.ts';
import { isHarmless } from '../../../contract/policy.ts';
import type { MethodRegistry } from '../../../contract/registry.ts';
import { isDearer, type PriceRules } from '../../ledger/price-table.ts';
import { chatRequest } from '../../orchestrator/models/chat-request.ts';
import { CHAT_METHOD } from '../../orchestrator/run/method-names.ts';
import type { FoldedJob, FoldedRun } from '../../orchestrator/run/state.ts';
import { timeLeft } from '../../orchestrator/run/time-left.ts';
import type { Orchestrator } from '../../orchestrator/service/orchestrator.ts';
import type { Attempt, Attempts } from '../attempts/attempts.ts';
import { KeptBack } from '../attempts/kept-back.ts';
import type { WorkerSession } from '../session-ports.ts';
import type { Signals } from '../signals/signals.ts';
import type { RelayRow } from './relay.ts';
import type { Settler } from './settler.ts';

export interface JobSenderParts {
  readonly runs: Orchestrator;
  readonly signals: Signals;
  readonly methods: MethodRegistry;
  readonly clock: Clock;
  readonly log: Logger;
  readonly attempts: Attempts;
  readonly settler: Settler;
  /** Bytes that a worker may say of an attempt before its commit is told. */
  readonly maxTextBytes: number;
  /** What budgets count where nobody says. */
  readonly prices: PriceRules;
}

export class JobSender {
  readonly #parts: JobSenderParts;

  constructor(parts: JobSenderParts) {
    this.#parts = parts;
  }

  /**
   * Sends a job that this replica holds. `over`: it is not to be sent any more. `again`: the worker left before it had it.
   * Throws when the store does not answer; then it was not sent.
   * @param wanted asked right before it is sent
   */
  async send(
    row: RelayRow,
    state: FoldedRun,
    session: WorkerSession,
    wanted: () => boolean,
  ): Promise<'sent' | 'over' | 'again'> {
    const { attempts, settler, log } = this.#parts;
    const job = jobToSend(state, row);
    if (!job) return 'over';
    if (!this.#isHarmless(job) && !(await this.#mayStart(row, session))) return 'over';
    // It may have been cancelled meanwhile.
    if (!wanted()) return 'over';
    const attempt = attempts.add(row, session, state);
    if (this.#isTooDear(job, session)) {
      const rose = new AppError('PRICE_ROSE', { worker: session.view().name });
      await settler.settle(attempt, { case: 'failure', value: toFailure(rose) }, {});
      return 'over';
    }
    try {
      session.assign(this.#assignment(row, state, job), row.slots);
    } catch (error) {
      if (error instanceof AppError && error.reason === 'CLOSED') {
        attempts.unsent(attempt);
        return 'again';
      }
      log.error('a job could not be sent', error, { dispatch: row.dispatchId });
      await settler.settle(attempt, { case: 'failure', value: toFailure(error, log) }, {});
      return 'over';
    }
    this.#tellRunning(attempt);
    return 'sent';
  }

  /**
   * Sends a job whose commit is under way, if its method may be begun for nothing; undefined when it was not sent. Nothing that its
   * worker says of it is taken before `confirm`. Never throws.
   */
  begin(row: RelayRow, state: FoldedRun, session: WorkerSession): Attempt | undefined {
    const { attempts, maxTextBytes } = this.#parts;
    const job = jobToSend(state, row);
    if (!job || !this.#mayBegin(job)) return undefined;
    const attempt = attempts.add(row, session, state, new KeptBack(maxTextBytes));
    try {
      session.assign(this.#assignment(row, state, job), row.slots);
      return attempt;
    } catch {
      // Told when it is sent in the usual way.
      attempts.unsent(attempt);
      return undefined;
    }
  }

  /** The commit of an attempt that was begun is told. */
  confirm(attempt: Attempt): void {
    this.#tellRunning(attempt);
    this.#parts.attempts.confirm(attempt);
  }

  #tellRunning({ tenant, run, job, epoch, targetName }: Attempt): void {
    this.#parts.signals.toRun(tenant, run, { case: 'running', value: { job, epoch: BigInt(epoch), targetName } });
  }

  /** Whether it would cost more there than is reserved for it. */
  #isTooDear({ bound, method, params, recipients, route }: FoldedJob, session: WorkerSession): boolean {
    const wanted = { method, called: params.length > 0, recipients, model: route?.model };
    return bound !== undefined && isDearer(session, wanted, bound, this.#parts.prices);
  }

  /**
   * Whether nothing is changed by it where no commit will ever name it: a look, or a call that may be repeated and only reads. What a
   * budget may have no room for waits for the commit that says so.
   */
  #mayBegin(job: FoldedJob): boolean {
    if (job.bound) return false;
    const method = this.#parts.methods.byFullName(job.method);
    return (
      method !== undefined && (isHarmless(method.effect) || (method.effect === Effect.NETWORK && method.idempotent))
    );
  }

  #isHarmless(job: FoldedJob): boolean {
    const method = this.#parts.methods.byFullName(job.method);
    return method !== undefined && (method.idempotent || isHarmless(method.effect));
  }

  /**
   * For a method with an effect the attempt is committed before it is sent. Only the holder of a dispatch comes here, and
   * never after it was sent, so a start that is recorded already is its own, whose answer or whose worker was lost.
   */
  async #mayStart(row: RelayRow, session: WorkerSession): Promise<boolean> {
    const { name, provider } = session.view();
    const done = await this.#parts.runs.command(
      row.tenant,
      row.run,
      { type: 'attemptStarted', job: row.job, epoch: row.epoch, targetName: `worker ${name} (${provider})` },
      { source: 'dispatch', commandId: `start:${row.dispatchId}` },
    );
    if (done !== 'ignored') return true;
    // Nothing was decided: it is over, or the start stands in the run already.
    const state = await this.#parts.runs.state(row.tenant, row.run);
    return state !== undefined && jobToSend(state, row)?.phase === 'running';
  }

  #assignment(row: RelayRow, state: FoldedRun, job: FoldedJob): JobAssignment {
    const made = job.params.length > 0 || state.kind === 'call';
    const params = made
      ? withinBound(job)
      : toBinary(ChatRequestSchema, chatRequest(state, job.id, this.#parts.methods));
    const left = timeLeft(state, job, this.#parts.clock.now());
    return create(JobAssignmentSchema, {
      dispatchId: row.dispatchId,
      job: row.job,
      epoch: BigInt(row.epoch),
      run: row.run,
      tenant: row.tenant,
      method: job.method,
      params,
      idempotencyKey: job.idempotencyKey,
      attempt: job.attempts,
      ...(left === undefined ? {} : { timeout: durationFromMs(left) }),
    });
  }
}

/** A request for a model that does not say how much it may write, with what is reserved for that. */
function withinBound({ bound, method, params }: FoldedJob): Uint8Array {
  if (!bound || method !== CHAT_METHOD) return params;
  const request = fromBinary(ChatRequestSchema, params);
  request.maxOutputTokens ||= bound.maxOutputTokens;
  return toBinary(ChatRequestSchema, request);
}

/** The job of a dispatch, if that is current and may be sent. */
export function jobToSend(state: FoldedRun, { job: id, epoch }: { job: string; epoch: number }): FoldedJob | undefined {
  const job = state.jobs.get(id);
  if (!job || job.epoch !== epoch) return undefined;
  return job.phase === 'queued' || job.phase === 'running' ? job : undefined;
}
