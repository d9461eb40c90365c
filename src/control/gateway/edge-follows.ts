// What one edge is shown of its runs: jobs as they change, text from a position on, and the end. It holds positions, not
// text; frames are made only when the stream has room.
import type { MessageInitShape } from '@bufbuild/protobuf';
import type { ConnectResponseSchema, FollowRun } from '../../../gen/bowline/edge/v1/edge_pb.ts';
import type { Job } from '../../../gen/bowline/run/v1/run_pb.ts';
import type { Clock } from '../../base/clock.ts';
import type { Logger } from '../../base/logger.ts';
import type { OpenFeed, RunFeeds } from '../dispatch/run-feeds.ts';
import { isEnded } from '../orchestrator/state.ts';

export type EdgeBody = NonNullable<MessageInitShape<typeof ConnectResponseSchema>['frame']>;

interface Follow {
  readonly run: string;
  readonly open: OpenFeed;
  readonly stop: () => void;
  /** Position in the text that is being written. */
  job: string;
  epoch: number;
  offset: number;
  /** What was last told of each job. */
  readonly told: Map<string, string>;
  waits: string;
}

/** Bytes of text in one frame, about. */
const PIECE = 32 * 1024;

export class EdgeFollows {
  readonly #feeds: RunFeeds;
  readonly #tenant: string;
  readonly #device: string;
  readonly #clock: Clock;
  readonly #log: Logger;
  readonly #wake: () => void;
  readonly #follows = new Map<string, Follow>();
  readonly #opening = new Map<string, { job: string; epoch: number; offset: number }>();
  #closed = false;

  constructor(parts: { feeds: RunFeeds; tenant: string; device: string; clock: Clock; log: Logger; wake: () => void }) {
    this.#feeds = parts.feeds;
    this.#tenant = parts.tenant;
    this.#device = parts.device;
    this.#clock = parts.clock;
    this.#log = parts.log;
    this.#wake = parts.wake;
  }

  /** Shows a run of this device, from a text position on where one is given. */
  follow(run: string, from?: FollowRun): void {
    const position = { job: from?.job ?? '', epoch: Number(from?.epoch ?? 0n), offset: Number(from?.offset ?? 0n) };
    const known = this.#follows.get(run);
    if (known) {
      if (from) Object.assign(known, position);
      this.#wake();
      return;
    }
    const waits = this.#opening.has(run);
    this.#opening.set(run, position);
    if (waits) return;
    this.#open(run).catch((error: unknown) => {
      this.#opening.delete(run);
      this.#log.warn('a run could not be followed', { run, why: String(error) });
    });
  }

  /** The next frame, if there is anything to tell. */
  next(): EdgeBody | undefined {
    for (const follow of this.#follows.values()) {
      const body = this.#jobFrame(follow) ?? this.#textFrame(follow) ?? this.#endFrame(follow);
      if (body) return body;
    }
    return undefined;
  }

  close(): void {
    this.#closed = true;
    for (const follow of this.#follows.values()) this.#drop(follow);
  }

  async #open(run: string): Promise<void> {
    const open = await this.#feeds.open(this.#tenant, run);
    const position = this.#opening.get(run) ?? { job: '', epoch: 0, offset: 0 };
    this.#opening.delete(run);
    // A run of another device is told to nobody here.
    if (this.#closed || open.feed.state.device !== this.#device) return open.close();
    const stop = open.feed.onChange(this.#wake);
    this.#follows.set(run, { run, open, stop, ...position, told: new Map(), waits: '' });
    this.#wake();
  }

  #jobFrame(follow: Follow): EdgeBody | undefined {
    const { feed } = follow.open;
    for (const job of feed.jobs(this.#clock.now())) {
      const now = signature(job);
      if (follow.told.get(job.id) === now) continue;
      follow.told.set(job.id, now);
      return { case: 'runUpdate', value: { run: follow.run, job } };
    }
    const waits = isEnded(feed.state) ? '' : feed.waitsFor;
    if (waits === follow.waits) return undefined;
    follow.waits = waits;
    return { case: 'runUpdate', value: { run: follow.run, waitsFor: waits } };
  }

  #textFrame(follow: Follow): EdgeBody | undefined {
    const text = follow.open.feed.text;
    if (!text) return undefined;
    if (text.job !== follow.job || text.epoch !== follow.epoch) {
      if (text.bytes === 0) return undefined;
      Object.assign(follow, { job: text.job, epoch: text.epoch, offset: 0 });
    }
    const piece = text.from(follow.offset, PIECE);
    if (piece === '') return undefined;
    const offset = BigInt(follow.offset);
    follow.offset += Buffer.byteLength(piece);
    const chunk = { job: text.job, epoch: BigInt(text.epoch), offset, text: piece };
    return { case: 'runText', value: { run: follow.run, chunk } };
  }

  #endFrame(follow: Follow): EdgeBody | undefined {
    const { outcome } = follow.open.feed.state;
    if (!outcome) return undefined;
    this.#drop(follow);
    return { case: 'runEnded', value: { run: follow.run, outcome } };
  }

  #drop(follow: Follow): void {
    follow.stop();
    follow.open.close();
    this.#follows.delete(follow.run);
  }
}

const signature = (job: Job): string => `${job.state} ${job.attempts} ${job.target} ${job.failure?.reason ?? ''}`;
