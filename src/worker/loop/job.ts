// One assigned job: checks the request, runs the handler within its deadline, collects its responses, makes its result.
// It never sends anything and never throws.
import { create, type Message } from '@bufbuild/protobuf';
import { durationMs, timestampFromMs } from '@bufbuild/protobuf/wkt';
import type { Usage } from '../../../gen/bowline/run/v1/run_pb.ts';
import {
  type JobAssignment,
  JobDoneSchema,
  type JobProgress,
  JobProgressSchema,
  type JobResult,
  JobResultSchema,
  JobStoppedSchema,
} from '../../../gen/bowline/worker/v1/worker_pb.ts';
import type { Clock } from '../../base/clock.ts';
import { countOf } from '../../base/count.ts';
import { AppError } from '../../base/errors.ts';
import type { Logger } from '../../base/logger.ts';
import { mark } from '../../base/loop-watch.ts';
import { ownedBy } from '../../base/stray-errors.ts';
import { toAppError } from '../../contract/errors.ts';
import type { CapabilityMethod } from '../../contract/registry.ts';
import { validate } from '../../contract/validate.ts';
import { decode } from '../../contract/wire-meter.ts';
import type { Handler, HandlerContext } from '../kit/handler.ts';
import { jobFailure } from '../kit/job-failure.ts';
import { JobSpans, type SpanSink } from '../kit/spans.ts';
import { JobCalls } from './job-calls.ts';
import { JobOutputs } from './job-outputs.ts';
import { usageSum } from './usage-sum.ts';

/** A method that this worker serves, with who runs it. */
export interface ServedMethod {
  readonly method: CapabilityMethod;
  readonly handler: Handler;
}

export interface JobDeps {
  readonly served: ServedMethod;
  readonly clock: Clock;
  readonly log: Logger;
  readonly maxResultBytes: number;
  /** For an assignment without a deadline. */
  readonly defaultDeadlineMs: number;
  /** How long a handler may take to stop before its result is given without it. */
  readonly stopGraceMs: number;
  /** Takes the spans of jobs, where somebody does. */
  readonly spans?: SpanSink | undefined;
  /** Something can be sent: an output or the result. */
  readonly onReady: (job: AssignedJob) => void;
}

/** Why a job was stopped from outside. */
type Stop = 'cancel' | 'deadline' | 'drain' | 'drop' | 'refused';

/** Words of progress within this time of the last one are dropped. */
const PROGRESS_MS = 100;

export class AssignedJob {
  readonly dispatchId: string;
  readonly epoch: bigint;
  readonly outputs: JobOutputs;
  /** What it asks of other workers. */
  readonly children: JobCalls;
  /** Ends when the handler really ended; its slot is taken until then. */
  readonly settled: Promise<void>;
  /** Set once; sent after the last output, again after each reconnect. */
  result: JobResult | undefined;
  /** Whether the result went out on the stream of now. */
  resultSent = false;
  readonly #deps: JobDeps;
  readonly #spans: JobSpans;
  readonly #abort = new AbortController();
  readonly #clear: (() => void)[] = [];
  #stop: Stop | undefined;
  /** As the handler reports it. */
  #usage: Usage | undefined;
  #progress: JobProgress | undefined;
  #progressAt = Number.NEGATIVE_INFINITY;

  constructor(assignment: JobAssignment, deps: JobDeps) {
    this.#deps = deps;
    this.dispatchId = assignment.dispatchId;
    this.epoch = assignment.epoch;
    const { run, job, method } = assignment;
    this.#spans = new JobSpans({ run, job, epoch: Number(this.epoch), method }, deps.clock, deps.spans);
    this.outputs = new JobOutputs({
      schema: deps.served.method.desc.output,
      join: deps.served.handler.join,
      maxResultBytes: deps.maxResultBytes,
      onReady: () => deps.onReady(this),
    });
    this.children = new JobCalls({
      dispatchId: this.dispatchId,
      epoch: this.epoch,
      signal: this.#abort.signal,
      onReady: () => deps.onReady(this),
    });
    const limit = assignment.timeout ? durationMs(assignment.timeout) : deps.defaultDeadlineMs;
    this.#clear.push(
      deps.clock.after(limit, () => this.#end('deadline', new AppError('DEADLINE_EXCEEDED', { after: `${limit} ms` }))),
    );
    this.settled = ownedBy(this.#stray, () => this.#run(assignment, deps.clock.now() + limit));
  }

  /** How many slots it takes. */
  get slots(): number {
    return this.#deps.served.method.slots;
  }

  /** The last word of its progress that was not sent yet. */
  pullProgress(): JobProgress | undefined {
    const progress = this.#progress;
    this.#progress = undefined;
    return progress;
  }

  /** The owner or the control plane wants it stopped: ends as JobStopped once the handler stopped. */
  cancel(): void {
    this.#end('cancel', new AppError('CANCELED'));
  }

  /** The worker leaves: ends as stopped without a cancel, which hands it back to be tried elsewhere. */
  leave(): void {
    this.#end('drain', new AppError('WORKER_DRAINING'));
  }

  /** Its epoch is stale: stop, and give no result. */
  drop(): void {
    this.#end('drop', new AppError('CANCELED'));
  }

  /** Something of it can never be sent: it ends with that as its failure, also where it had another result. */
  fail(reason: AppError): void {
    const failure = { case: 'failure', value: jobFailure(reason, this.#deps.log) } as const;
    if (this.result) {
      const { dispatchId, epoch } = this;
      const endTime = timestampFromMs(this.#deps.clock.now());
      this.result = create(JobResultSchema, { dispatchId, epoch, result: failure, endTime });
      this.resultSent = false;
      this.#deps.onReady(this);
      return;
    }
    this.#stop ??= 'refused';
    this.#tell(reason);
    this.#finish(failure);
  }

  #end(stop: Stop, reason: AppError): void {
    if (this.#stop || this.result) return;
    this.#stop = stop;
    this.#tell(reason);
    if (stop === 'drop') return;
    // A passed deadline or a drain waits for nobody; a cancel says "stopped", so it waits for a handler that obeys.
    if (stop === 'cancel') this.#awaitStop(reason);
    else if (stop === 'drain') this.#finish({ case: 'stopped', value: create(JobStoppedSchema) });
    else this.#finish({ case: 'failure', value: jobFailure(reason, this.#deps.log) });
  }

  /** What the handler does when it hears of it is still its work. */
  #tell(reason: AppError): void {
    ownedBy(this.#stray, () => this.#abort.abort(reason));
  }

  /** An error that the handler let escape, of a socket for example: the job fails with it, and the others go on. */
  readonly #stray = (error: unknown): void => {
    const { log, served } = this.#deps;
    log.error('a job failed in a way that was not expected; the others go on', error, {
      method: served.method.shortName,
    });
    if (!this.result) this.fail(toAppError(error));
  };

  #awaitStop(reason: AppError): void {
    this.#clear.push(
      this.#deps.clock.after(this.#deps.stopGraceMs, () => {
        this.#deps.log.warn('a handler did not stop in time', { method: this.#deps.served.method.shortName });
        this.#finish({ case: 'failure', value: jobFailure(reason, this.#deps.log) });
      }),
    );
  }

  async #run(assignment: JobAssignment, deadline: number): Promise<void> {
    const { served, log } = this.#deps;
    const { signal } = this.#abort;
    try {
      await Promise.resolve();
      const request = this.#request(assignment);
      const context: HandlerContext = {
        signal,
        deadline,
        log: log.child({
          run: assignment.run,
          job: assignment.job,
          tenant: assignment.tenant,
          method: served.method.shortName,
        }),
        idempotencyKey: assignment.idempotencyKey,
        tenant: assignment.tenant,
        attempt: assignment.attempt || 1,
        progress: (done, total, note = '') => this.#tellProgress(done, total, note),
        span: this.#spans.part,
        report: (usage) => {
          this.#usage = usageSum(this.#usage, usage);
        },
        call: (method, child, selector) => this.children.call(method, child, selector),
      };
      mark(served.method.shortName);
      const implementation = served.handler.methods[served.method.desc.name]!;
      const answer = implementation(request, context);
      if (answer instanceof Promise) await this.outputs.push(await answer, signal);
      else for await (const response of answer) await this.outputs.push(response, signal);
      if (signal.aborted) throw signal.reason;
      this.#finish({ case: 'done', value: create(JobDoneSchema, { responses: this.outputs.responses() }) });
    } catch (error) {
      if (this.#stop === 'cancel') this.#finish({ case: 'stopped', value: create(JobStoppedSchema) });
      else this.#finish({ case: 'failure', value: jobFailure(error, log) });
    } finally {
      for (const clear of this.#clear.splice(0)) clear();
    }
  }

  #request(assignment: JobAssignment): Message {
    const { input } = this.#deps.served.method.desc;
    let request: Message;
    try {
      request = decode(input, assignment.params);
    } catch (cause) {
      throw new AppError('INVALID_ARGUMENT', { what: `the parameters are not a ${input.typeName}` }, { cause });
    }
    validate(input, request);
    return request;
  }

  #tellProgress(done: number, total: number, note: string): void {
    const now = this.#deps.clock.monotonic();
    if (this.result || now - this.#progressAt < PROGRESS_MS) return;
    this.#progressAt = now;
    const whole = (value: number) => BigInt(countOf(Math.trunc(value)) ?? 0);
    const { dispatchId, epoch } = this;
    this.#progress = create(JobProgressSchema, {
      dispatchId,
      epoch,
      done: whole(done),
      total: whole(total),
      note: note.slice(0, 256).toWellFormed(),
    });
    this.#deps.onReady(this);
  }

  #finish(result: JobResult['result']): void {
    if (this.result || this.#stop === 'drop') return;
    for (const clear of this.#clear.splice(0)) clear();
    this.children.end(new AppError('CANCELED'));
    this.#progress = undefined;
    this.result = create(JobResultSchema, {
      dispatchId: this.dispatchId,
      epoch: this.epoch,
      result,
      endTime: timestampFromMs(this.#deps.clock.now()),
      ...(this.#usage ? { usage: this.#usage } : {}),
    });
    this.#spans.end(failedWith(result));
    this.#deps.onReady(this);
  }
}

function failedWith(result: JobResult['result']): string | undefined {
  if (result.case === 'failure') return result.value.reason;
  return result.case === 'stopped' ? 'CANCELED' : undefined;
}
