// Brings what became of an attempt to the orchestrator: its result, its loss, its late result. It repeats until the store has it;
// only then the worker is told and the attempt forgotten. What the store will never take is recorded as the error that it met.
import { create } from '@bufbuild/protobuf';
import type { Failure } from '../../../../gen/bowline/common/v1/common_pb.ts';
import { type Responses, ResponsesSchema } from '../../../../gen/bowline/event/v1/event_pb.ts';
import { UsageSchema } from '../../../../gen/bowline/run/v1/run_pb.ts';
import type { JobResult } from '../../../../gen/bowline/worker/v1/worker_pb.ts';
import { fullJitter } from '../../../base/backoff.ts';
import { type Clock, sleep } from '../../../base/clock.ts';
import { AppError } from '../../../base/errors.ts';
import type { Logger } from '../../../base/logger.ts';
import { toFailure } from '../../../contract/errors.ts';
import { boundedUsage } from '../../../contract/usage.ts';
import type { AttemptLostCommand } from '../../orchestrator/decide/run-commands.ts';
import type { Orchestrator } from '../../orchestrator/service/orchestrator.ts';
import type { Attempt, Attempts } from '../attempts/attempts.ts';

export type AttemptEnd = { case: 'done'; value: Responses } | { case: 'failure'; value: Failure };

/** What is known of what an attempt used; empty: nothing. */
export type Used = Pick<JobResult, 'usage'>;

export interface SettlerParts {
  readonly runs: Orchestrator;
  readonly clock: Clock;
  readonly log: Logger;
  readonly attempts: Attempts;
  /** Told of each result that a worker brought. */
  readonly onResult?: (attempt: Attempt, result: AttemptEnd) => void;
}

type HandedBack = AttemptLostCommand['handedBack'];

/** Whether the worker gave it back because it is to leave, and whether it had begun with it; undefined for every other end. */
export function handedBackOf({ result }: JobResult): HandedBack {
  if (result.case === 'failure') return result.value.reason === 'WORKER_DRAINING' ? 'unbegun' : undefined;
  return result.case === 'done' ? undefined : 'begun';
}

/** The result as the worker gave it; undefined when it stopped without one. */
export function attemptEndOf({ result }: JobResult): AttemptEnd | undefined {
  if (result.case === 'done')
    return { case: 'done', value: create(ResponsesSchema, { messages: result.value.responses }) };
  return result.case === 'failure' ? { case: 'failure', value: result.value } : undefined;
}

export class Settler {
  readonly #parts: SettlerParts;
  readonly #stop = new AbortController();

  constructor(parts: SettlerParts) {
    this.#parts = parts;
  }

  /** From now on nothing is repeated; what is not committed stays in the outbox. */
  stop(): void {
    this.#stop.abort();
  }

  /** Commits the result of an attempt, then tells the worker. Never throws; a second call for one attempt does nothing. */
  async settle(attempt: Attempt, result: AttemptEnd, frame?: Used): Promise<void> {
    if (attempt.settling) return;
    attempt.settling = true;
    this.#parts.onResult?.(attempt, result);
    const end = await this.#commit(attempt, result, frame);
    if (end !== 'stored') attempt.settling = false;
    if (end === 'stored') {
      attempt.session?.committed(attempt.dispatchId);
      this.#parts.attempts.finish(attempt);
    }
    // Not acknowledged, because nothing of it is stored: the job goes on as one whose worker was lost.
    if (end === 'refused') await this.lose(attempt, 'what became of it could not be stored');
  }

  /** The worker will not bring it to an end. Never throws: what cannot be recorded now, the reconciler finds. */
  async lose(attempt: Attempt, why: string, handedBack?: HandedBack): Promise<void> {
    if (attempt.settling) return;
    this.#parts.attempts.abandon(attempt);
    await this.recordLoss(attempt, why, handedBack);
  }

  /** Records the loss of an attempt that this replica may never have had. Never throws. */
  async recordLoss(
    of: { tenant: string; run: string; job: string; epoch: number },
    why: string,
    handedBack?: HandedBack,
  ): Promise<void> {
    const { tenant, run, job, epoch } = of;
    try {
      await this.#parts.runs.command(
        tenant,
        run,
        { type: 'attemptLost', job, epoch, why, handedBack },
        { source: 'dispatch', commandId: `lost:${job}-${epoch}` },
      );
    } catch (error) {
      this.#parts.log.warn('a lost attempt could not be recorded yet', { tenant, job, epoch, why: String(error) });
    }
  }

  /** The result of an attempt that was given up: recorded as late and charged, never used. Throws when it cannot be. */
  async late(attempt: Attempt, result: AttemptEnd, frame: Used): Promise<void> {
    await this.#store(attempt, result, frame);
  }

  /** stopped: before the store had it. refused: the store will take nothing of it. */
  async #commit(
    attempt: Attempt,
    result: AttemptEnd,
    frame: Used | undefined,
  ): Promise<'stored' | 'stopped' | 'refused'> {
    for (let round = 1; ; round++) {
      try {
        await this.#store(attempt, result, frame);
        return 'stored';
      } catch (error) {
        if (!mayPass(error)) return 'refused';
        const { log } = this.#parts;
        if (round % 8 === 0)
          log.warn('a result is not stored yet', { dispatch: attempt.dispatchId, why: String(error) });
        await sleep(this.#parts.clock, fullJitter(round, 100, 5_000), this.#stop.signal);
        if (this.#stop.signal.aborted) return 'stopped';
      }
    }
  }

  /** Stores the result, or, where the store will never take that, the error; repeating the job would end there again. */
  async #store(attempt: Attempt, wanted: AttemptEnd, frame: Used | undefined): Promise<void> {
    const { log } = this.#parts;
    // A worker that names no use has used nothing; where no worker spoke, nobody knows.
    const usage = frame && (frame.usage ?? create(UsageSchema));
    try {
      return await this.#command(attempt, wanted, usage);
    } catch (error) {
      if (mayPass(error)) throw error;
      log.error('a result could not be committed', error, { dispatch: attempt.dispatchId });
      const failure: AttemptEnd = { case: 'failure', value: toFailure(error, log) };
      try {
        return await this.#command(attempt, failure, usage);
      } catch (again) {
        // What it used may be what the store does not take.
        if (mayPass(again) || !usage) throw again;
        return await this.#command(attempt, failure, undefined);
      }
    }
  }

  async #command(attempt: Attempt, result: AttemptEnd, usage: JobResult['usage']): Promise<void> {
    const { tenant, run, job, epoch, dispatchId, targetName } = attempt;
    await this.#parts.runs.command(
      tenant,
      run,
      { type: 'result', job, epoch, result, usage: usage && boundedUsage(usage), targetName },
      { source: 'worker', commandId: dispatchId },
    );
  }
}

const mayPass = (error: unknown): boolean => error instanceof AppError && error.retryable;
