// The feeds that someone reads on this replica. A feed exists while it has readers.

import type { Clock } from '../../../base/clock.ts';
import { AppError } from '../../../base/errors.ts';
import { jobId } from '../../../base/ids.ts';
import type { Logger } from '../../../base/logger.ts';
import type { FoldedRun } from '../../orchestrator/run/state.ts';
import type { Orchestrator } from '../../orchestrator/service/orchestrator.ts';
import { isUnreadable } from '../../orchestrator/service/unreadable.ts';
import type { Attempt } from '../attempts/attempts.ts';
import { FOLLOW_MS, type Signals } from '../signals/signals.ts';
import { RunFeed } from './run-feed.ts';

export interface OpenFeed {
  readonly feed: RunFeed;
  close(): void;
}

export interface RunFeedsParts {
  readonly runs: Orchestrator;
  readonly signals: Signals;
  readonly log: Logger;
  /** The attempt of a job that runs on this replica. */
  readonly attempt: (tenant: string, job: string) => Pick<Attempt, 'text' | 'epoch' | 'targetName'> | undefined;
  readonly waits: (tenant: string, run: string) => { job: string; what: string }[];
  readonly clock: Clock;
  /** Bytes of messages that all feeds keep together. */
  readonly maxLiveBytes: number;
}

/** Runs read again in one scan. */
const MAX_RELOADS = 500;

type Signal = Parameters<RunFeed['signal']>[0];

interface Entry {
  feed: Promise<RunFeed>;
  ready: RunFeed | undefined;
  users: number;
  unsubscribe: () => void;
  /** Monotonic time when the other replicas were last told that the run is followed here. */
  followed: number;
}

export class RunFeeds {
  readonly #entries = new Map<string, Entry>();
  /** Of runs that are being committed here: what was said of each so far. */
  readonly #heard = new Map<string, Signal[]>();
  readonly #parts: RunFeedsParts;
  #turn = 0;
  #liveBytes = 0;

  constructor(parts: RunFeedsParts) {
    this.#parts = parts;
  }

  /**
   * Hears of a run from before its commit, so that whoever opens it right after that misses nothing: a worker may have spoken by then.
   * Returns how to stop, for when the run is open or will not be.
   */
  listen(tenant: string, run: string): () => void {
    const key = `${tenant}/${run}`;
    const heard: Signal[] = [];
    this.#heard.set(key, heard);
    const stop = this.#parts.signals.ofRun(tenant, run, { signal: (signal) => heard.push(signal), gap: () => {} });
    return () => {
      stop();
      if (this.#heard.get(key) === heard) this.#heard.delete(key);
    };
  }

  /** The feed of a run. Throws NOT_FOUND, the same for an unknown run and one of another tenant. */
  async open(tenant: string, run: string): Promise<OpenFeed> {
    const key = `${tenant}/${run}`;
    let entry = this.#entries.get(key);
    if (!entry) {
      const feed = Promise.resolve(undefined as never);
      entry = { feed, ready: undefined, users: 0, unsubscribe: () => {}, followed: 0 };
      this.#entries.set(key, entry);
      entry.feed = this.#start(tenant, run, entry);
    }
    const mine = entry;
    mine.users++;
    const close = () => {
      if (--mine.users > 0) return;
      if (this.#entries.get(key) === mine) this.#entries.delete(key);
      mine.unsubscribe();
      mine.ready?.close();
    };
    try {
      let closed = false;
      const feed = await mine.feed;
      return {
        feed,
        close: () => {
          if (closed) return;
          closed = true;
          close();
        },
      };
    } catch (error) {
      close();
      throw error;
    }
  }

  /**
   * The net under lost hints: reads again, a few at a time, the runs of which nothing was heard since the last call, and
   * tells the other replicas in time that the others are still followed.
   */
  scan(): void {
    const stale = this.#parts.clock.monotonic() - FOLLOW_MS / 3;
    for (const { ready, followed } of this.#entries.values()) if (followed < stale) ready?.renew();
    const quiet = [...this.#entries.values()].flatMap(({ ready }) => (ready?.quiet() ? [ready] : []));
    const few = Math.min(quiet.length, MAX_RELOADS);
    for (let i = 0; i < few; i++) quiet[(this.#turn + i) % quiet.length]?.gap();
    this.#turn += few;
  }

  /** Says again of all runs that they are followed here: another replica has come. */
  renew(): void {
    for (const { ready } of this.#entries.values()) ready?.renew();
  }

  /** A run was committed on this replica. */
  committed(state: FoldedRun): void {
    this.#entries.get(`${state.tenant}/${state.id}`)?.ready?.committed(state);
  }

  async #start(tenant: string, run: string, entry: Entry): Promise<RunFeed> {
    const { runs, signals, log, clock } = this.#parts;
    const early = [...(this.#heard.get(`${tenant}/${run}`) ?? [])];
    // Listened to first and read after that, so that nothing falls between. Other replicas answer with what they know beyond it.
    const stop = signals.ofRun(tenant, run, { signal: (signal) => early.push(signal), gap: () => {} });
    entry.unsubscribe = stop;
    // The cache is enough for a run of this replica; what it may have missed comes with the next scan.
    const state = await runs.state(tenant, run, { job: jobId(run, 0, 0), epoch: 1 });
    if (!state) throw new AppError('NOT_FOUND', { kind: 'run' });
    const feed = new RunFeed(state, {
      live: {
        reserve: (bytes) => {
          if (this.#liveBytes + bytes > this.#parts.maxLiveBytes) return false;
          this.#liveBytes += bytes;
          return true;
        },
        giveBack: (bytes) => {
          this.#liveBytes -= bytes;
        },
      },
      localText: (job) => this.#parts.attempt(tenant, job)?.text,
      follow: (version, job, epoch, offset) => {
        entry.followed = clock.monotonic();
        signals.follow({ tenant, run, version, job, epoch, offset });
      },
      reload: () => {
        runs.state(tenant, run).then(
          (newer) => newer && feed.committed(newer),
          (error: unknown) => {
            if (!(error instanceof AppError && isUnreadable(error)))
              return log.warn('a run could not be read again', { tenant, run, why: String(error) });
            const key = `${tenant}/${run}`;
            if (this.#entries.get(key) === entry) this.#entries.delete(key);
            feed.fail(error);
          },
        );
      },
    });
    entry.ready = feed;
    entry.unsubscribe = signals.ofRun(tenant, run, feed);
    stop();
    for (const { job, what } of this.#parts.waits(tenant, run)) feed.waiting(job, what);
    for (const { id } of state.jobs.values()) {
      // It may have been handed out before anyone listened.
      const attempt = this.#parts.attempt(tenant, id);
      if (attempt) feed.runs(id, attempt.epoch, attempt.targetName);
    }
    for (const signal of early) feed.signal(signal);
    return feed;
  }
}
