// What one edge is shown of its runs: jobs as they change, text from a position on, the end, and the summary after it. It holds positions, not
// text; frames are made only when the stream has room, for one run after the other.
import type { MessageInitShape } from '@bufbuild/protobuf';
import type { ConnectResponseSchema, FollowRun } from '../../../gen/bowline/edge/v1/edge_pb.ts';
import type { Outcome } from '../../../gen/bowline/run/v1/run_pb.ts';
import { fullJitter } from '../../base/backoff.ts';
import type { Clock } from '../../base/clock.ts';
import { AppError } from '../../base/errors.ts';
import type { Logger } from '../../base/logger.ts';
import type { Encodable } from '../../contract/encodable.ts';
import type { TextPosition } from '../../contract/text/latest-text.ts';
import type { OpenFeed, RunFeeds } from '../dispatch/feeds/run-feeds.ts';
import { isSummingUp, summaryOf } from '../orchestrator/models/summary.ts';
import { jobSignature } from '../orchestrator/run/job-view.ts';
import { isEnded } from '../orchestrator/run/state.ts';
import { isUnreadable } from '../orchestrator/service/unreadable.ts';

export type EdgeBody = NonNullable<MessageInitShape<typeof ConnectResponseSchema>['frame']> & Encodable;

export interface EdgeFollowsParts {
  readonly feeds: Pick<RunFeeds, 'open'>;
  readonly tenant: string;
  readonly device: string;
  readonly clock: Clock;
  readonly log: Logger;
  /** A run that cannot be read: why, and how it ended if its owner ended it. */
  readonly setAside?: (run: string) => Promise<{ readonly why: string; readonly ended?: Outcome } | undefined>;
  /** How a run of this device is told that was removed; undefined when it was not. */
  readonly removed?: (run: string) => Promise<Outcome | undefined>;
  /** Called when there may be a frame. */
  readonly wake: () => void;
}

/** The job and attempt whose text is shown, and how far. */
type Position = { -readonly [K in keyof TextPosition]: TextPosition[K] };

interface Follow extends Position {
  readonly run: string;
  readonly open: OpenFeed;
  readonly stop: () => void;
  /** What was last told of each job. */
  readonly told: Map<string, string>;
  waits: string;
  /** Revision of the feed up to which all jobs were told. */
  revision: number;
  /** Its end was told; only the summary of its conversation is waited for. */
  ended: boolean;
}

/** Bytes of text in one frame, about. */
const PIECE = 32 * 1024;
/** Runs shown at once, those being looked up included; an edge has at most 256 asks. */
const MAX_FOLLOWS = 1_024;
/** Length of `waits_for` in its contract. */
const MAX_WAITS = 1_024;

export class EdgeFollows {
  readonly #parts: EdgeFollowsParts;
  readonly #follows = new Map<string, Follow>();
  /** Those of which there may be something to tell, whose turn is next first. */
  readonly #due = new Set<Follow>();
  readonly #opening = new Map<string, Position>();
  readonly #retries = new Set<() => void>();
  /** Frames about runs that have no feed. */
  readonly #told: EdgeBody[] = [];
  #closed = false;

  constructor(parts: EdgeFollowsParts) {
    this.#parts = parts;
  }

  /** Shows a run of this device, from a text position on where one is given. */
  follow(run: string, from?: FollowRun): void {
    if (this.#closed) return;
    const position = { job: from?.job ?? '', epoch: Number(from?.epoch ?? 0n), offset: Number(from?.offset ?? 0n) };
    const known = this.#follows.get(run);
    if (known) {
      if (from) Object.assign(known, position);
      known.ended = false;
      this.#due.add(known);
      this.#parts.wake();
      return;
    }
    const opening = this.#opening.has(run);
    if (!opening && this.#follows.size + this.#opening.size >= MAX_FOLLOWS) this.#dropEnded();
    if (!opening && this.#follows.size + this.#opening.size >= MAX_FOLLOWS) {
      this.#parts.log.warn('an edge follows too many runs at once', {
        tenant: this.#parts.tenant,
        run,
        limit: MAX_FOLLOWS,
      });
      return;
    }
    if (!opening || from) this.#opening.set(run, position);
    if (!opening) this.#open(run, 1);
  }

  /** The next frame, if there is anything to tell. */
  next(): EdgeBody | undefined {
    const told = this.#told.shift();
    if (told) return told;
    for (const follow of this.#due) {
      const { ended } = follow;
      this.#due.delete(follow);
      if (follow.open.feed.failed && !ended) {
        this.#forget(follow);
        const { job, epoch, offset } = follow;
        this.#opening.set(follow.run, { job, epoch, offset });
        this.#open(follow.run, 1);
        continue;
      }
      const body = ended
        ? this.#summaryFrame(follow)
        : (this.#jobFrame(follow) ?? this.#textFrame(follow) ?? this.#endFrame(follow));
      // Behind the others, so that each has its turn.
      if (body) this.#due.add(follow);
      if (ended && !isSummingUp(follow.open.feed.state)) this.#forget(follow);
      if (body) return body;
    }
    return undefined;
  }

  close(): void {
    this.#closed = true;
    for (const follow of this.#follows.values()) this.#drop(follow);
    this.#follows.clear();
    this.#due.clear();
    this.#opening.clear();
    this.#told.length = 0;
    for (const stop of this.#retries) stop();
    this.#retries.clear();
  }

  /** Opens the feed, again and again while the store does not answer. */
  #open(run: string, attempt: number): void {
    this.#begin(run).catch((error: unknown) => {
      if (this.#closed) return;
      if (isUnreadable(error) && this.#parts.setAside) {
        void this.#lookAside(run, attempt);
        return;
      }
      if (!(error instanceof AppError && error.retryable)) {
        if (error instanceof AppError && error.reason === 'NOT_FOUND') {
          void this.#lookRemoved(run, attempt);
          return;
        }
        this.#opening.delete(run);
        this.#parts.log.error('a run could not be followed', error, { tenant: this.#parts.tenant, run });
        return;
      }
      this.#again(run, attempt);
    });
  }

  #again(run: string, attempt: number): void {
    const stop = this.#parts.clock.after(fullJitter(attempt, 200, 5_000), () => {
      this.#retries.delete(stop);
      this.#open(run, attempt + 1);
    });
    this.#retries.add(stop);
  }

  /** A run that was set aside: its owner is told so, and of its end when they end it; until then it is looked at again. */
  async #lookAside(run: string, attempt: number): Promise<void> {
    try {
      const aside = await this.#parts.setAside?.(run);
      if (this.#closed) return;
      if (aside?.ended) {
        this.#opening.delete(run);
        return this.#tell({ case: 'runEnded', value: { run, outcome: aside.ended } });
      }
      if (aside && attempt <= 2)
        this.#tell({ case: 'runUpdate', value: { run, waitsFor: aside.why.slice(0, MAX_WAITS) } });
    } catch (error) {
      this.#parts.log.debug('whether a run is set aside could not be read', { run, why: String(error) });
    }
    if (!this.#closed) this.#again(run, attempt + 1);
  }

  /** One that was removed has ended. Any other, if it is still open at the edge, is presented again and made. */
  async #lookRemoved(run: string, attempt: number): Promise<void> {
    try {
      const outcome = await this.#parts.removed?.(run);
      if (this.#closed) return;
      this.#opening.delete(run);
      this.#tell(outcome ? { case: 'runEnded', value: { run, outcome } } : { case: 'runUnknown', value: { run } });
    } catch (error) {
      this.#parts.log.debug('whether a run was removed could not be read', { run, why: String(error) });
      if (!this.#closed) this.#again(run, attempt);
    }
  }

  /** What is too much for an edge that does not read is left out; its next session asks again. */
  #tell(body: EdgeBody): void {
    if (this.#told.length >= MAX_FOLLOWS) return;
    this.#told.push(body);
    this.#parts.wake();
  }

  async #begin(run: string): Promise<void> {
    const { feeds, tenant, device, wake } = this.#parts;
    const open = await feeds.open(tenant, run);
    const position = this.#opening.get(run) ?? { job: '', epoch: 0, offset: 0 };
    this.#opening.delete(run);
    // A run of another device is told to nobody here.
    if (this.#closed || open.feed.state.device !== device) return open.close();
    const stop = open.feed.onChange(() => {
      this.#due.add(follow);
      wake();
    });
    const follow = { run, open, stop, ...position, told: new Map(), waits: '', revision: 0, ended: false };
    this.#follows.set(run, follow);
    this.#due.add(follow);
    wake();
  }

  #jobFrame(follow: Follow): EdgeBody | undefined {
    const { feed } = follow.open;
    if (follow.revision === feed.revision) return undefined;
    for (const job of feed.jobs(this.#parts.clock.now())) {
      // Nobody waits for a summary.
      if (feed.state.jobs.get(job.id)?.role === 'summary') continue;
      const now = jobSignature(job);
      if (follow.told.get(job.id) === now) continue;
      follow.told.set(job.id, now);
      return { case: 'runUpdate', value: { run: follow.run, job } };
    }
    follow.revision = feed.revision;
    const waits = isEnded(feed.state) ? '' : feed.waitsFor.slice(0, MAX_WAITS);
    if (waits === follow.waits) return undefined;
    follow.waits = waits;
    return { case: 'runUpdate', value: { run: follow.run, waitsFor: waits } };
  }

  #textFrame(follow: Follow): EdgeBody | undefined {
    const text = follow.open.feed.text;
    // The position is the edge's word: it may lie inside a code point.
    const piece = text?.after(follow, PIECE);
    if (!text || !piece) return undefined;
    const { job, epoch } = text;
    const offset = piece.offset + Buffer.byteLength(piece.text);
    Object.assign(follow, { job, epoch, offset });
    const chunk = { job, epoch: BigInt(epoch), offset: BigInt(piece.offset), text: piece.text };
    return { case: 'runText', value: { run: follow.run, chunk } };
  }

  #endFrame(follow: Follow): EdgeBody | undefined {
    const { outcome } = follow.open.feed.state;
    if (!outcome) return undefined;
    follow.ended = true;
    return { case: 'runEnded', value: { run: follow.run, outcome } };
  }

  /** The summary of the conversation up to this run, once it is there. Of one that failed nothing is told. */
  #summaryFrame({ run, open }: Follow): EdgeBody | undefined {
    const { state } = open.feed;
    const text = isSummingUp(state) ? '' : summaryOf(state);
    if (text === '') return undefined;
    return { case: 'conversationSummary', value: { run, conversation: state.conversation, text } };
  }

  #dropEnded(): void {
    for (const follow of [...this.#follows.values()]) if (follow.ended) this.#forget(follow);
  }

  #forget(follow: Follow): void {
    this.#follows.delete(follow.run);
    this.#due.delete(follow);
    this.#drop(follow);
  }

  #drop(follow: Follow): void {
    follow.stop();
    follow.open.close();
  }
}
