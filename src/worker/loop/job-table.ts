// The jobs that this worker holds: running ones, and ended ones whose result is not committed yet. Bounded; decides how
// many more it takes. Survives sessions; knows no stream, only what to send next.
import { create } from '@bufbuild/protobuf';
import { timestampFromMs } from '@bufbuild/protobuf/wkt';
import {
  type CancelJob,
  type ChildResult,
  type HeldJob,
  HeldJobSchema,
  type JobAssignment,
  JobOutputSchema,
  type JobResult,
  JobResultSchema,
  type WorkRequest,
} from '../../../gen/bowline/worker/v1/worker_pb.ts';
import type { Clock } from '../../base/clock.ts';
import { AppError } from '../../base/errors.ts';
import type { Logger } from '../../base/logger.ts';
import { jobFailure } from '../kit/job-failure.ts';
import type { SpanSink } from '../kit/spans.ts';
import { AssignedJob, type ServedMethod } from './job.ts';

export interface JobTableOptions {
  readonly served: ReadonlyMap<string, ServedMethod>;
  /** Jobs at once. */
  readonly slots: number;
  /** Jobs and uncommitted results together; at this number no credits are given. */
  readonly maxHeld: number;
  /** Bytes of one result. Together with `maxHeld` the bound of the memory. */
  readonly maxResultBytes: number;
  readonly defaultDeadlineMs: number;
  readonly stopGraceMs: number;
  readonly clock: Clock;
  readonly log: Logger;
  /** Takes the spans of jobs, where somebody does. */
  readonly spans?: SpanSink | undefined;
}

type Frame = WorkRequest['frame'];

/** An ended job that never ran here: only its result. */
interface Refused {
  readonly dispatchId: string;
  readonly epoch: bigint;
  readonly result: JobResult;
  resultSent: boolean;
}

type Entry = AssignedJob | Refused;

/** How many forgotten dispatch ids are remembered, to recognise one that comes twice. */
const REMEMBERED = 1024;

export class JobTable {
  readonly #options: JobTableOptions;
  readonly #entries = new Map<string, Entry>();
  readonly #ready = new Set<Entry>();
  readonly #forgotten = new Set<string>();
  #busy = 0;
  #draining = false;
  #maxResultBytes: number;
  #whenEmpty: (() => void)[] = [];
  /** Called when there may be something to send or the number of free slots changed. */
  onChange: () => void = () => {};

  constructor(options: JobTableOptions) {
    this.#options = options;
    this.#maxResultBytes = options.maxResultBytes;
  }

  /** Jobs and results held. */
  get size(): number {
    return this.#entries.size;
  }

  /** How many jobs it would take now. */
  get free(): number {
    if (this.#draining) return 0;
    const { slots, maxHeld } = this.#options;
    return Math.max(0, Math.min(slots - this.#busy, maxHeld - this.#entries.size));
  }

  /** Resolves once nothing is held. */
  emptied(): Promise<void> {
    return this.size === 0 ? Promise.resolve() : new Promise((resolve) => this.#whenEmpty.push(resolve));
  }

  /** What a Hello says of them. */
  held(): HeldJob[] {
    return [...this.#entries.values()].map((entry) =>
      create(HeldJobSchema, {
        dispatchId: entry.dispatchId,
        epoch: entry.epoch,
        nextIndex: BigInt(entry instanceof AssignedJob ? entry.outputs.nextIndex : 0),
        finished: entry.result !== undefined,
      }),
    );
  }

  /** Starts a job, or ends it at once with a retryable failure where there is no room. An id that is known is not begun again. */
  assign(assignment: JobAssignment): void {
    const { dispatchId, method } = assignment;
    const { log, served } = this.#options;
    const held = this.#entries.get(dispatchId);
    if (held || this.#forgotten.has(dispatchId)) {
      log.warn('a job was assigned twice', { dispatchId });
      // The other side has lost what it had of it; it never would give out the same attempt again otherwise.
      if (held) this.#again(held);
      else this.#refuse(assignment, new AppError('SESSION_LOST', { why: 'this attempt had been answered before' }));
      return;
    }
    const known = served.get(method);
    if (!known || this.free < known.method.slots) {
      const names = [...served.keys()].join(', ');
      const full = new AppError(this.#draining ? 'WORKER_DRAINING' : 'WORKER_BUSY');
      this.#refuse(assignment, known ? full : new AppError('METHOD_UNKNOWN', { method, known: names }));
      return;
    }
    const job = new AssignedJob(assignment, {
      ...this.#options,
      served: known,
      maxResultBytes: this.#maxResultBytes,
      onReady: (ready) => this.#wake(ready),
    });
    this.#busy += job.slots;
    this.#entries.set(dispatchId, job);
    job.outputs.attach();
    void job.settled.then(() => {
      this.#busy -= job.slots;
      this.onChange();
    });
  }

  cancel({ dispatchId, epoch }: CancelJob): void {
    const entry = this.#entries.get(dispatchId);
    if (entry instanceof AssignedJob && entry.epoch === epoch) entry.cancel();
  }

  /** What became of a call that a job made. */
  childResult(result: ChildResult): void {
    const entry = this.#entries.get(result.dispatchId);
    if (entry instanceof AssignedJob && entry.epoch === result.epoch) entry.children.result(result);
  }

  /** The result is safe, or will never be used. */
  forget(dispatchId: string): void {
    const entry = this.#entries.get(dispatchId);
    if (!entry) return;
    if (entry instanceof AssignedJob) entry.drop();
    this.#entries.delete(dispatchId);
    this.#ready.delete(entry);
    this.#remember(dispatchId);
    if (this.size === 0) for (const resolve of this.#whenEmpty.splice(0)) resolve();
    this.onChange();
  }

  /** A new stream whose other side takes frames of at most `maxFrameBytes` (0: it does not say). */
  attach(maxFrameBytes: number): void {
    // Room for the envelope around a result.
    const room = maxFrameBytes > 0 ? Math.max(maxFrameBytes - 4096, 1024) : Number.POSITIVE_INFINITY;
    this.#maxResultBytes = Math.min(this.#options.maxResultBytes, room);
    for (const entry of this.#entries.values()) this.#again(entry);
    this.onChange();
  }

  /** Everything of it is sent from the first on. */
  #again(entry: Entry): void {
    entry.resultSent = false;
    if (entry instanceof AssignedJob) {
      // A result holds everything that was said; without it the other side wants the outputs.
      if (entry.result) entry.outputs.release();
      else {
        entry.outputs.attach();
        entry.children.attach();
      }
    }
    this.#wake(entry);
  }

  /** The stream is gone; handlers go on. */
  detach(): void {
    for (const entry of this.#entries.values()) if (entry instanceof AssignedJob) entry.outputs.detach();
  }

  /** Takes no more jobs. */
  drain(): void {
    this.#draining = true;
    this.onChange();
  }

  /** Stops what still runs; each is handed back. */
  leave(): void {
    for (const entry of this.#entries.values()) if (entry instanceof AssignedJob) entry.leave();
  }

  /** What to send next: what the jobs say and ask in turn, each job's result after its last output. */
  nextFrame(): Frame | undefined {
    for (const entry of this.#ready) {
      this.#ready.delete(entry);
      const aside = entry instanceof AssignedJob ? besideOutput(entry) : undefined;
      if (aside) {
        this.#ready.add(entry);
        return aside;
      }
      const output = entry instanceof AssignedJob ? entry.outputs.pull() : undefined;
      if (output) {
        this.#ready.add(entry);
        const { dispatchId, epoch } = entry;
        const { response } = output;
        return {
          case: 'output',
          value: create(JobOutputSchema, { dispatchId, epoch, index: BigInt(output.index), response }),
        };
      }
      if (entry.result && !entry.resultSent) {
        entry.resultSent = true;
        if (entry instanceof AssignedJob) entry.outputs.release();
        return { case: 'result', value: entry.result };
      }
    }
    return undefined;
  }

  /**
   * A frame that the other side can never take: what it belongs to ends with `reason`, and nothing of it is sent again. What belongs
   * to no job is left out.
   */
  refused(frame: Frame, reason: AppError): void {
    switch (frame.case) {
      case 'output':
      case 'result':
        this.#fail(frame.value.dispatchId, reason, frame.case === 'result' && frame.value.result.case === 'failure');
        break;
      case 'childCall': {
        const entry = this.#entries.get(frame.value.dispatchId);
        if (entry instanceof AssignedJob) entry.children.refuse(frame.value.number, reason);
        break;
      }
    }
  }

  /** @param last even the failure cannot be sent, e.g. because of its id */
  #fail(dispatchId: string, reason: AppError, last: boolean): void {
    const entry = this.#entries.get(dispatchId);
    if (entry instanceof AssignedJob && !last) entry.fail(reason);
    else this.forget(dispatchId);
  }

  #remember(dispatchId: string): void {
    this.#forgotten.add(dispatchId);
    const [oldest] = this.#forgotten;
    if (this.#forgotten.size > REMEMBERED && oldest !== undefined) this.#forgotten.delete(oldest);
  }

  #wake(entry: Entry): void {
    if (this.#entries.get(entry.dispatchId) !== entry) return;
    this.#ready.add(entry);
    this.onChange();
  }

  #refuse(assignment: JobAssignment, error: AppError): void {
    const { dispatchId, epoch } = assignment;
    const { clock, log, maxHeld, slots } = this.#options;
    if (this.#entries.size >= maxHeld + slots) {
      log.warn('an assignment beyond every bound was dropped', { dispatchId });
      return;
    }
    const failure = jobFailure(error, log);
    const result = create(JobResultSchema, {
      dispatchId,
      epoch,
      result: { case: 'failure', value: failure },
      endTime: timestampFromMs(clock.now()),
    });
    const entry: Refused = { dispatchId, epoch, result, resultSent: false };
    this.#entries.set(dispatchId, entry);
    this.#wake(entry);
  }
}

/** A call of another worker, or a word of progress. */
function besideOutput(job: AssignedJob): Frame | undefined {
  const call = job.children.pull();
  if (call) return { case: 'childCall', value: call };
  const progress = job.pullProgress();
  return progress && { case: 'progress', value: progress };
}
