// Keeps one session to the control plane alive: connects, says Hello, reconnects with backoff, drains. What the worker
// serves and where it connects is passed in.
import { create } from '@bufbuild/protobuf';
import { type ModelInfo, VersionRangeSchema } from '../../../gen/bowline/common/v1/common_pb.ts';
import type { Manifest } from '../../../gen/bowline/manifest/v1/manifest_pb.ts';
import { type WorkerHello, WorkerHelloSchema } from '../../../gen/bowline/worker/v1/worker_pb.ts';
import { type Clock, sleep } from '../../base/clock.ts';
import type { AppError } from '../../base/errors.ts';
import type { Logger } from '../../base/logger.ts';
import type { Code } from '../../base/status-codes.ts';
import { toAppError } from '../../contract/errors.ts';
import { wasRefused } from '../../contract/session/call-broken.ts';
import { Reconnect, type SessionEnded } from '../../contract/session/reconnect.ts';
import { SESSION_VERSIONS } from '../../contract/versions.ts';
import type { Labels } from '../kit/capability.ts';
import type { Handler } from '../kit/handler.ts';
import type { SpanSink } from '../kit/spans.ts';
import { JobTable } from './job-table.ts';
import { manifestOf, servedMethods } from './manifest.ts';
import { Session, type SessionTransport } from './session.ts';
import { WORK_LIMITS, type WorkLoopLimits } from './work-limits.ts';

export interface WorkLoopOptions {
  /** Unique in its pool; jobs show it. */
  readonly name: string;
  /** Jobs at once. */
  readonly slots: number;
  readonly handlers: readonly Handler[];
  /** Models it offers, the default first. */
  readonly models?: readonly ModelInfo[];
  readonly labels?: Labels;
  /** Makes the transport of the next session. */
  readonly connect: () => SessionTransport;
  readonly clock: Clock;
  readonly log: Logger;
  /** Random id of this start of the process, a UUID. */
  readonly bootId: string;
  /** Takes the spans of jobs, where somebody does. */
  readonly spans?: SpanSink | undefined;
  readonly random?: () => number;
  readonly limits?: Partial<WorkLoopLimits>;
}

/** A session that stood this long was no failure to connect. */
const LASTED_MS = 2000;

/** When a replica leaves: how long jobs may take to end there, and the longest pause before the next replica is asked. */
const STAY_MS = 1000;
const MOVE_MS = 50;

/** Answers of the control plane that a reconnect does not change. */
const TERMINAL: ReadonlySet<Code> = new Set(['unauthenticated', 'permission_denied', 'failed_precondition']);

/** Those that only tell of a wrong address as long as no session ever stood. */
const TERMINAL_AT_FIRST: ReadonlySet<Code> = new Set(['invalid_argument', 'unimplemented']);

export class WorkLoop {
  /** Resolves after a drain; rejects with the AppError that ended it for good (key refused, no common version). */
  readonly closed: Promise<void>;
  /** Resolves at the first Welcome; rejects like `closed` when it ends before. */
  readonly ready: Promise<void>;
  readonly #options: WorkLoopOptions;
  readonly #limits: WorkLoopLimits;
  readonly #manifest: Manifest;
  readonly #jobs: JobTable;
  readonly #stop = new AbortController();
  readonly #reconnect: Reconnect;
  #session: Session | undefined;
  #welcomed = false;
  #first = true;
  #drainEnd: number | undefined;
  #leaving = false;
  /** The session ends because its replica leaves, not because something failed. */
  #moves = false;
  #markReady: () => void = () => {};

  constructor(options: WorkLoopOptions) {
    this.#options = options;
    this.#limits = { ...WORK_LIMITS, maxHeld: Math.max(16, 2 * options.slots), ...options.limits };
    this.#manifest = manifestOf(options.handlers, options.slots, this.#limits.maxResultBytes, options.labels);
    const { clock, log, random, slots, spans } = options;
    const { backoffBaseMs: baseMs, backoffCapMs: capMs } = this.#limits;
    const lastedMs = Math.min(LASTED_MS, capMs);
    this.#reconnect = new Reconnect({ clock, baseMs, capMs, lastedMs, ...(random && { random }) });
    const served = servedMethods(options.handlers);
    this.#jobs = new JobTable({ ...this.#limits, served, slots, clock, log, spans });
    const ready = new Promise<void>((resolve) => {
      this.#markReady = resolve;
    });
    this.closed = this.#run();
    this.ready = Promise.race([ready, this.closed]);
    // Whoever wants to know awaits `closed`; a rejection must not end the process where nobody does.
    this.closed.catch(() => {});
    this.ready.catch(() => {});
  }

  /** Whether a session stands. */
  get connected(): boolean {
    return this.#welcomed;
  }

  /**
   * Takes nothing new, lets running jobs end and their results be committed, then leaves. What still runs shortly before
   * `ms` is stopped and handed back. Resolves true when nothing was left behind.
   */
  async drain(ms: number): Promise<boolean> {
    const { clock, log } = this.#options;
    const start = clock.monotonic();
    this.#drainEnd = start + ms;
    log.info('draining', { jobs: this.#jobs.size, deadlineMs: ms });
    this.#jobs.drain();
    this.#session?.drain(ms);
    const grace = Math.min(2000, ms / 5);
    if (!(await this.#empty(ms - grace))) {
      this.#jobs.leave();
      await this.#empty(grace);
    }
    const clean = this.#jobs.size === 0;
    if (!clean) log.warn('the drain ended with results that are not committed', { jobs: this.#jobs.size });
    this.#leaving = true;
    this.#stop.abort();
    this.#session?.finish();
    await this.closed.catch(() => {});
    return clean;
  }

  async #run(): Promise<void> {
    const { clock, log } = this.#options;
    while (!this.#leaving) {
      let lost: AppError | undefined;
      try {
        await this.#connect();
      } catch (thrown) {
        lost = toAppError(thrown, log);
        if (TERMINAL.has(lost.code) || (this.#first && TERMINAL_AT_FIRST.has(lost.code))) {
          this.#jobs.leave();
          throw lost;
        }
      }
      if (this.#leaving) return;
      const ended: SessionEnded = this.#moves
        ? { kind: 'moved', withinMs: MOVE_MS }
        : { kind: wasRefused(lost) ? 'untaken' : 'lost' };
      const wait = this.#reconnect.waitMs(ended);
      this.#moves = false;
      if (lost) {
        const { reason, message: why } = lost;
        log.warn('the session ended', { reason, why, failures: this.#reconnect.failures });
      }
      await sleep(clock, wait, this.#stop.signal);
    }
  }

  async #connect(): Promise<void> {
    const { clock, log, connect } = this.#options;
    const session = new Session({
      connection: connect(),
      hello: () => this.#hello(),
      jobs: this.#jobs,
      clock,
      log,
      welcomeTimeoutMs: this.#limits.welcomeTimeoutMs,
      onWelcome: (welcome) => {
        log.info('connected', { session: welcome.worker, held: this.#jobs.size });
        this.#welcomed = true;
        this.#first = false;
        this.#reconnect.welcomed();
        if (this.#drainEnd !== undefined) session.drain(this.#drainEnd - clock.monotonic());
        this.#markReady();
      },
      onLeave: (deadlineMs) => this.#moveOn(session, deadlineMs),
    });
    this.#session = session;
    try {
      await session.run();
    } finally {
      this.#welcomed = false;
      this.#session = undefined;
    }
  }

  /** The replica leaves: what ends soon ends there, the rest is taken along to the next replica. */
  #moveOn(session: Session, deadlineMs: number): void {
    this.#options.log.info('the control plane leaves; connecting again', { jobs: this.#jobs.size });
    void this.#empty(Math.min(STAY_MS, deadlineMs / 2)).then(() => {
      if (this.#session !== session || this.#leaving) return;
      this.#moves = true;
      session.finish();
    });
  }

  #hello(): WorkerHello {
    const { name, slots, bootId, models } = this.#options;
    return create(WorkerHelloSchema, {
      versions: create(VersionRangeSchema, SESSION_VERSIONS),
      name,
      manifest: this.#manifest,
      models: [...(models ?? [])],
      slots,
      held: this.#jobs.held(),
      bootId,
    });
  }

  /** Waits until nothing is held, at most `ms`. */
  async #empty(ms: number): Promise<boolean> {
    const { clock } = this.#options;
    const timer = new AbortController();
    await Promise.race([this.#jobs.emptied(), sleep(clock, ms, timer.signal)]);
    timer.abort();
    return this.#jobs.size === 0;
  }
}
