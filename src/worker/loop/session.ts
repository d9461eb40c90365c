// One stream to the control plane: Hello and Welcome, frames both ways, heartbeats. It ends once, with or without an
// error, and never reconnects; what it carries lives in the job table.
import { create } from '@bufbuild/protobuf';
import { durationFromMs, durationMs } from '@bufbuild/protobuf/wkt';
import { createClient, type Transport } from '@connectrpc/connect';
import { DrainSchema, PingSchema, VersionRangeSchema } from '../../../gen/bowline/common/v1/common_pb.ts';
import {
  CreditsSchema,
  type WorkerHello,
  WorkerService,
  type WorkerWelcome,
  type WorkRequest,
  WorkRequestSchema,
  type WorkResponse,
} from '../../../gen/bowline/worker/v1/worker_pb.ts';
import type { Clock } from '../../base/clock.ts';
import { AppError } from '../../base/errors.ts';
import type { Logger } from '../../base/logger.ts';
import { toAppError } from '../../contract/errors.ts';
import { answerFrame } from '../../contract/session/answer-frame.ts';
import { FrameCounter } from '../../contract/session/frames.ts';
import { Heartbeat } from '../../contract/session/heartbeat.ts';
import { SendQueue } from '../../contract/session/send-queue.ts';
import { negotiate } from '../../contract/versions.ts';
import { frameProblem } from './frame-problem.ts';
import type { JobTable } from './job-table.ts';

/** A transport of its own for each session, so that a half-open connection is never used again. */
export interface SessionTransport {
  readonly transport: Transport;
  /** Closes the connection below it. */
  close(): void;
}

export interface SessionDeps {
  readonly connection: SessionTransport;
  readonly hello: () => WorkerHello;
  readonly jobs: JobTable;
  readonly clock: Clock;
  readonly log: Logger;
  /** How long to wait for Welcome, in milliseconds. */
  readonly welcomeTimeoutMs: number;
  readonly onWelcome: (welcome: WorkerWelcome) => void;
  /** The control plane's replica leaves within so many milliseconds. */
  readonly onLeave: (deadlineMs: number) => void;
}

type Frame = WorkRequest['frame'];

/** Heartbeats of 0 or less than this are not believed. */
const MIN_HEARTBEAT_MS = 10;

/** After this long a peer that does not end its half of a finished stream is cut off. */
const FINISH_MS = 1000;

/** A smaller limit of frames than this is not believed: nothing could be said within it. */
const LEAST_FRAME_BYTES = 8192;

/** Answers to frames that may wait; more means that the other side floods. */
const MAX_ANSWERS = 256;

export class Session {
  readonly #deps: SessionDeps;
  readonly #counter = new FrameCounter();
  readonly #out: SendQueue<Frame, WorkRequest>;
  readonly #abort = new AbortController();
  #welcomed = false;
  readonly #timers = new Map<'welcome' | 'finish', () => void>();
  #heartbeat: Heartbeat | undefined;
  /** Bytes of one frame that the other side takes. */
  #maxFrameBytes = Number.POSITIVE_INFINITY;
  /** Credits that the other side counts with. */
  #told = 0;

  constructor(deps: SessionDeps) {
    this.#deps = deps;
    this.#out = new SendQueue<Frame, WorkRequest>({
      counter: this.#counter,
      maxFrames: MAX_ANSWERS,
      full: () => this.fail(lost('answers pile up')),
      first: () => ({ case: 'hello', value: deps.hello() }),
      make: (body) => this.#frameOf(body),
    });
    this.#out.pullFrom(() => this.#next());
  }

  /** Runs until either side ends it. Rejects with an AppError that says why, resolves after `finish`. */
  async run(): Promise<void> {
    const { connection, jobs, welcomeTimeoutMs } = this.#deps;
    this.#timer('welcome', welcomeTimeoutMs, () => this.fail(lost('no Welcome came')));
    jobs.onChange = () => this.#out.wake();
    try {
      const client = createClient(WorkerService, connection.transport);
      for await (const response of client.work(this.#out.frames(), { signal: this.#abort.signal }))
        this.#receive(response);
      if (!this.#out.ended) throw lost('the control plane ended the stream');
    } catch (error) {
      throw this.#abort.signal.aborted ? toAppError(this.#abort.signal.reason) : toAppError(error, this.#deps.log);
    } finally {
      jobs.onChange = () => {};
      jobs.detach();
      for (const stop of this.#timers.values()) stop();
      this.#heartbeat?.stop();
      this.#out.abandon();
      connection.close();
    }
  }

  /** Says that the worker leaves within `ms`. */
  drain(ms: number): void {
    this.#out.offer({ case: 'drain', value: create(DrainSchema, { timeout: durationFromMs(Math.max(0, ms)) }) });
  }

  /** Ends the stream properly once everything was sent; the other side then ends its half. */
  finish(): void {
    this.#out.end();
    // A peer that never ends its half is cut off.
    this.#timer('finish', FINISH_MS, () => this.fail(lost('the control plane did not end the stream')));
  }

  /** Ends the stream at once. */
  fail(error: AppError): void {
    this.#abort.abort(error);
    this.#deps.connection.close();
  }

  #next(): Frame | undefined {
    const { jobs } = this.#deps;
    if (!this.#welcomed) return undefined;
    if (jobs.free !== this.#told) {
      this.#told = jobs.free;
      return { case: 'credits', value: create(CreditsSchema, { free: this.#told }) };
    }
    return jobs.nextFrame();
  }

  #frameOf(frame: Frame): WorkRequest | undefined {
    const request = create(WorkRequestSchema, { frame });
    const problem = frame.case === 'hello' ? undefined : frameProblem(request, this.#maxFrameBytes);
    if (problem === undefined) return request;
    this.#leaveOut(frame, problem);
    return undefined;
  }

  /** A frame that would end the session, and the next one, and each after it. */
  #leaveOut(frame: Frame, problem: string): void {
    const error = new AppError('MESSAGE_REFUSED', { what: frame.case ?? 'frame', problem });
    this.#deps.log.error('a frame cannot be sent; its job ends', error, { frame: frame.case });
    this.#deps.jobs.refused(frame, error);
  }

  #receive(response: WorkResponse): void {
    const { jobs, log } = this.#deps;
    this.#counter.seen(response.header);
    this.#heartbeat?.heard();
    const { frame } = response;
    if (frame.case !== 'welcome' && !this.#welcomed) throw lost('the first frame was not Welcome');
    switch (frame.case) {
      case 'welcome':
        this.#welcome(frame.value);
        break;
      case 'job':
        this.#told = Math.max(0, this.#told - 1);
        jobs.assign(frame.value);
        break;
      case 'cancel':
        jobs.cancel(frame.value);
        break;
      case 'resultCommitted':
        jobs.forget(frame.value.dispatchId);
        break;
      case 'childResult':
        jobs.childResult(frame.value);
        break;
      case 'drain':
        this.#deps.onLeave(frame.value.timeout ? durationMs(frame.value.timeout) : 0);
        break;
      case 'unimplemented':
        log.warn('the control plane did not know a frame', { seq: Number(frame.value.seq) });
        break;
      default:
        answerFrame(response.header, frame, this.#out);
    }
  }

  #welcome(welcome: WorkerWelcome): void {
    const { jobs, onWelcome } = this.#deps;
    if (this.#welcomed) throw lost('a second Welcome came');
    negotiate(create(VersionRangeSchema, { min: welcome.version, max: welcome.version }));
    this.#welcomed = true;
    this.#timers.get('welcome')?.();
    for (const id of welcome.drop) jobs.forget(id);
    this.#maxFrameBytes = Math.max(welcome.limits?.maxFrameBytes || Number.POSITIVE_INFINITY, LEAST_FRAME_BYTES);
    jobs.attach(welcome.limits?.maxFrameBytes ?? 0);
    onWelcome(welcome);
    this.#heartbeat = new Heartbeat({
      clock: this.#deps.clock,
      intervalMs: Math.max(MIN_HEARTBEAT_MS, welcome.heartbeat ? durationMs(welcome.heartbeat) : 10_000),
      ping: (nonce) => this.#out.offer({ case: 'ping', value: create(PingSchema, { nonce }) }),
      silent: () => this.fail(lost('the control plane fell silent')),
    });
    this.#out.wake();
  }

  #timer(name: 'welcome' | 'finish', ms: number, run: () => void): void {
    this.#timers.get(name)?.();
    this.#timers.set(name, this.#deps.clock.after(ms, run));
  }
}

const lost = (why: string) => new AppError('SESSION_LOST', { why });
