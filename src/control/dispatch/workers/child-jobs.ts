// Calls that running jobs make of other workers: each becomes a job of the same run, whose end is told to the worker that
// called. What is taken is decided by the orchestrator; a call that comes again, here or on another replica, is the same.
import type { MessageInitShape } from '@bufbuild/protobuf';
import type { ChildCall, ChildResultSchema } from '../../../../gen/bowline/worker/v1/worker_pb.ts';
import { AppError } from '../../../base/errors.ts';
import { fixedLimit } from '../../../base/fixed-limit.ts';
import type { Logger } from '../../../base/logger.ts';
import { toFailure } from '../../../contract/errors.ts';
import type { MethodRegistry } from '../../../contract/registry.ts';
import { childOf, childRefusal } from '../../orchestrator/decide/decide-child.ts';
import type { ChildCallCommand } from '../../orchestrator/decide/run-commands.ts';
import { type FoldedJob, type FoldedRun, isEnded, isOpen } from '../../orchestrator/run/state.ts';
import type { Orchestrator } from '../../orchestrator/service/orchestrator.ts';
import type { Attempt } from '../attempts/attempts.ts';
import type { OpenFeed } from '../feeds/run-feeds.ts';
import type { WorkerSession } from '../session-ports.ts';

export interface ChildJobsParts {
  readonly runs: Orchestrator;
  readonly methods: MethodRegistry;
  readonly log: Logger;
  /** Follows a run. */
  readonly open: (tenant: string, run: string) => Promise<OpenFeed>;
}

type Result = NonNullable<MessageInitShape<typeof ChildResultSchema>['result']>;

/** Calls of one attempt that may be under way at once; a worker that makes more is refused these. */
const MAX_OPEN = 64;

export class ChildJobs {
  readonly #parts: ChildJobsParts;
  /** By attempt: how to stop waiting for each of its calls. */
  readonly #waiting = new WeakMap<Attempt, Map<number, () => void>>();

  constructor(parts: ChildJobsParts) {
    this.#parts = parts;
  }

  /** Takes a call of an attempt that this session has. Never throws; what the store does not take is answered as its error. */
  call(session: WorkerSession, attempt: Attempt, frame: ChildCall): void {
    const open = this.#waiting.get(attempt) ?? new Map<number, () => void>();
    this.#waiting.set(attempt, open);
    // After a reconnect the worker asks again; whoever waited for its old session waits no more.
    open.get(frame.number)?.();
    const { dispatchId, epoch, number } = frame;
    const answer = (result: Result) => session.childResult({ dispatchId, epoch, number, result });
    if (open.size >= MAX_OPEN && !open.has(number)) {
      const over = fixedLimit('the number of calls of one job at once', MAX_OPEN, 'call fewer at once');
      answer({ case: 'failure', value: toFailure(over) });
      return;
    }
    const stop = new AbortController();
    const end = () => {
      stop.abort();
      if (open.get(number) === end) open.delete(number);
    };
    open.set(number, end);
    this.#result(attempt, frame, stop.signal)
      .catch((error: unknown): Result => ({ case: 'failure', value: toFailure(error, this.#parts.log) }))
      .then((result) => {
        if (!stop.signal.aborted) answer(result);
        end();
      });
  }

  /** Its session is over: nobody waits for its calls here any more. They end with the attempt, or are asked for again. */
  forget(attempt: Attempt): void {
    for (const stop of [...(this.#waiting.get(attempt)?.values() ?? [])]) stop();
    this.#waiting.delete(attempt);
  }

  async #result(attempt: Attempt, frame: ChildCall, signal: AbortSignal): Promise<Result> {
    const { runs, methods } = this.#parts;
    const { tenant, run } = attempt;
    const call = {
      type: 'childCall',
      job: attempt.job,
      epoch: attempt.epoch,
      number: frame.number,
      method: frame.method,
      params: frame.params,
      selector: frame.selector,
    } as const satisfies Omit<ChildCallCommand, 'at'>;
    const commandId = `child:${attempt.dispatchId}:${frame.number}`;
    await runs.command(tenant, run, call, { source: 'dispatch', commandId });
    const opened = await this.#parts.open(tenant, run);
    try {
      const state = await ended(opened, signal, (each) => childOf(each, call));
      const job = childOf(state, call);
      if (job) return resultOf(job, state);
      throw childRefusal(state, { ...call, at: 0 }, methods) ?? new AppError('CANCELED');
    } finally {
      opened.close();
    }
  }
}

/** The state in which the job has ended, or in which there is none. Resolves at once when nobody waits any more. */
function ended(
  { feed }: OpenFeed,
  signal: AbortSignal,
  find: (state: FoldedRun) => FoldedJob | undefined,
): Promise<FoldedRun> {
  return new Promise((resolve, reject) => {
    const look = () => {
      const job = find(feed.state);
      if (job && isOpen(job) && !signal.aborted && !feed.failed) return;
      stop();
      signal.removeEventListener('abort', look);
      if (feed.failed && !signal.aborted) reject(feed.failed);
      resolve(feed.state);
    };
    const stop = feed.onChange(look);
    signal.addEventListener('abort', look, { once: true });
    look();
  });
}

function resultOf(job: FoldedJob, run: FoldedRun): Result {
  const result = job.result?.result;
  if (result?.case === 'done' && !job.result?.trailingFailure) {
    return { case: 'done', value: { responses: result.value.messages } };
  }
  const own = job.result?.trailingFailure ?? (result && result.case !== 'done' ? result.value : undefined);
  const failure = own ?? (isEnded(run) ? run.outcome?.failure : undefined) ?? toFailure(new AppError('CANCELED'));
  return { case: 'failure', value: failure };
}
