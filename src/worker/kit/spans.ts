// The spans of a worker: what it did in an attempt, and within that the calls that its handler made. Their ids follow from the job and its
// epoch, so nothing of a trace is passed on. Without somebody who takes them nothing is made.
import type { Clock } from '../../base/clock.ts';
import { ATTRS, SPANS } from '../../base/telemetry/names.ts';
import {
  type Attributes,
  attemptSpan,
  type SpanData,
  traceOf,
  workPartSpan,
  workSpan,
} from '../../base/telemetry/span-data.ts';
import { toAppError } from '../../contract/errors.ts';

/** Takes spans that have ended. Never throws. */
export type SpanSink = (span: SpanData) => void;

/** Ends what was begun. @param more is known only now */
export type EndSpan = (error?: unknown, more?: Attributes) => void;

/** Begins something within a job; numbers, names of methods and models only. */
export type BeginSpan = (name: string, attributes?: Attributes) => EndSpan;

/** More parts of one job are not told: a crawl of hundreds of pages. */
const MOST_PARTS = 64;

const NOTHING: EndSpan = () => {};

/** For whoever has nobody to tell. */
export const noSpans: BeginSpan = () => NOTHING;

export interface SpannedJob {
  readonly run: string;
  readonly job: string;
  readonly epoch: number;
  /** Full name of the method. */
  readonly method: string;
}

/** The spans of one job. It begins now. */
export class JobSpans {
  readonly #job: SpannedJob;
  readonly #clock: Pick<Clock, 'now'>;
  readonly #sink: SpanSink | undefined;
  readonly #start: number;
  #parts = 0;

  constructor(job: SpannedJob, clock: Pick<Clock, 'now'>, sink: SpanSink | undefined) {
    this.#job = job;
    this.#clock = clock;
    this.#sink = sink;
    this.#start = sink ? clock.now() : 0;
  }

  /** It ended. @param failed reason code of what it failed with */
  end(failed: string | undefined): void {
    const { job, epoch, method } = this.#job;
    this.#tell({
      name: `${SPANS.work} ${method}`,
      kind: 'server',
      id: workSpan(job, epoch),
      parent: attemptSpan(job, epoch),
      start: this.#start,
      attributes: { [ATTRS.rpcMethod]: method, [ATTRS.epoch]: epoch },
      failed,
    });
  }

  readonly part: BeginSpan = (name, attributes = {}) => {
    if (!this.#sink || this.#parts >= MOST_PARTS) return NOTHING;
    const { job, epoch } = this.#job;
    const id = workPartSpan(job, epoch, ++this.#parts);
    const start = this.#clock.now();
    return (error, more) =>
      this.#tell({
        name,
        kind: 'client',
        id,
        parent: workSpan(job, epoch),
        start,
        attributes: { ...attributes, ...more },
        failed: error === undefined ? undefined : toAppError(error).reason,
      });
  };

  #tell({
    failed,
    ...span
  }: Omit<SpanData, 'trace' | 'end' | 'links' | 'marks' | 'failed'> & { failed: string | undefined }): void {
    this.#sink?.({
      ...span,
      trace: traceOf(this.#job.run),
      end: this.#clock.now(),
      links: [],
      marks: [],
      ...(failed === undefined ? {} : { failed }),
    });
  }
}

/** What `act` gives, or throws; the span ends with it. */
export async function inSpan<T>(end: EndSpan, act: () => Promise<T>): Promise<T> {
  try {
    const done = await act();
    end();
    return done;
  } catch (error) {
    end(error);
    throw error;
  }
}
