// One run as its owner watches it: jobs, approvals, current text, what it waits for, how it ended. Followers read state, not a queue,
// so a slow one gets the newest state and its missing text in one piece. It sends nothing and stores nothing.
import { create } from '@bufbuild/protobuf';
import { type Approval, ApprovalState } from '../../../gen/bowline/approval/v1/approval_pb.ts';
import {
  type Ended,
  type RunEvent as LocalRunEvent,
  RunEventSchema as LocalRunEventSchema,
  type Waiting,
  WaitingSchema,
} from '../../../gen/bowline/local/v1/local_pb.ts';
import { type Job, JobState, type TextChunk, TextChunkSchema } from '../../../gen/bowline/run/v1/run_pb.ts';
import { fixedLimit } from '../../base/fixed-limit.ts';
import { LatestText, type TextPosition } from '../../contract/text/latest-text.ts';
import type { Received } from '../../contract/text/offset-text.ts';

export interface ViewLimits {
  /** Bytes of the current text that are kept for late followers. */
  readonly textBytes: number;
  readonly jobs: number;
  readonly followers: number;
}

/** The most a run may list is 4,096 jobs; an answer is at most 4 MiB. */
const VIEW_LIMITS: ViewLimits = { textBytes: 4 << 20, jobs: 4096, followers: 16 };
/** Approvals that are kept for followers that are slow; the oldest that wait no longer go first. */
const MOST_APPROVALS = 128;

export class WatchedRun {
  readonly run: string;
  readonly conversation: string;
  readonly #limits: ViewLimits;
  readonly #jobs = new Map<string, { job: Job; revision: number }>();
  /** Jobs that wait for an owner: of this box, or of another one. */
  readonly #held = new Map<string, Job>();
  readonly #approvals = new Map<string, { approval: Approval; revision: number }>();
  readonly #wakers = new Set<() => void>();
  #revision = 0;
  /** What it waits for beside the owner. */
  #told: Waiting | undefined;
  /** What the ask before it in its conversation waits for. */
  #behind: Approval | undefined;
  #waiting: { value: Waiting; revision: number } | undefined;
  readonly #text: LatestText;
  #textRevision = 0;
  #ended: Ended | undefined;

  constructor(run: string, conversation: string, limits: ViewLimits = VIEW_LIMITS) {
    this.run = run;
    this.conversation = conversation;
    this.#limits = limits;
    this.#text = new LatestText(limits.textBytes);
  }

  get followers(): number {
    return this.#wakers.size;
  }

  get ended(): Ended | undefined {
    return this.#ended;
  }

  /** Bytes of text that are held. */
  get textBytes(): number {
    return this.#text.held?.bytes ?? 0;
  }

  /** How far the text came; the empty job at the beginning. */
  get position(): TextPosition {
    return this.#text.position;
  }

  /** Says what the run waits for; undefined when it goes on. Told to followers only when it changes. */
  setWaiting(told: Waiting | undefined): void {
    this.#told = told;
    this.#wait();
  }

  /** What waits for the owner; undefined when nothing does. */
  get pending(): Approval | undefined {
    return [...this.#approvals.values()].find(({ approval }) => isPending(approval))?.approval;
  }

  /** An approval of the ask before it, which holds this one up; undefined when none does. */
  setBehind(approval: Approval | undefined): void {
    this.#behind = approval;
    this.#wait();
  }

  /** An approval that begins, was answered or ended. */
  updateApproval(approval: Approval): void {
    const known = this.#approvals;
    known.delete(approval.id);
    known.set(approval.id, { approval, revision: ++this.#revision });
    for (const [id, old] of known) if (known.size > MOST_APPROVALS && !isPending(old.approval)) known.delete(id);
    this.#wait();
    this.#wake();
  }

  #wait(): void {
    const asked = this.pending ?? this.#held.values().next().value;
    const what = `the owner's answer to ${asked?.method}`;
    const owner = asked && create(WaitingSchema, { what, sent: true, approval: true });
    const value = this.#told ?? owner ?? this.#behindText();
    const old = this.#waiting?.value;
    if (old?.what === value?.what && old?.sent === value?.sent && old?.approval === value?.approval) return;
    this.#waiting = value && { value, revision: ++this.#revision };
    if (value) this.#wake();
  }

  /** Not while it is at work itself. */
  #behindText(): Waiting | undefined {
    const approval = this.#jobs.size === 0 ? this.#behind : undefined;
    const what =
      approval && `the ask before it, which waits for your yes: bowline approvals show ${approval.id.slice(-8)}`;
    return what === undefined ? undefined : create(WaitingSchema, { what, sent: true });
  }

  /** A job as it is now. Beyond the limit, new jobs are not shown before the end. */
  updateJob(job: Job): void {
    if (!this.#jobs.has(job.id) && this.#jobs.size >= this.#limits.jobs) return;
    this.#jobs.set(job.id, { job, revision: ++this.#revision });
    if (job.state === JobState.APPROVAL) this.#held.set(job.id, job);
    else this.#held.delete(job.id);
    this.#wait();
    this.#wake();
  }

  /**
   * Takes a piece of text. `old`: of an earlier job or epoch, or shown already. `gap`: something before it is missing, ask
   * for it from `position` on. `full`: more than is kept; the answer comes whole with the end.
   */
  addText(chunk: TextChunk): Received {
    const taken = this.#text.receive(chunk);
    if (taken === 'added') {
      this.#textRevision = ++this.#revision;
      this.#wake();
    }
    return taken;
  }

  /** Gives the memory of the text back; it must be asked for again when someone follows. */
  dropText(): void {
    this.#text.drop();
  }

  end(ended: Ended): void {
    this.#ended ??= ended;
    this.#wake();
  }

  /** What happens, from the beginning of the current text to the end of the run or the signal. */
  async *follow(signal: AbortSignal): AsyncGenerator<LocalRunEvent, void, undefined> {
    if (this.#wakers.size >= this.#limits.followers) {
      throw fixedLimit('the number of followers of one run', this.#limits.followers, 'end one');
    }
    let wake = () => {};
    const waker = () => wake();
    this.#wakers.add(waker);
    signal.addEventListener('abort', waker);
    try {
      let seen = 0;
      const began = this.#revision;
      let at: TextPosition = { job: '', epoch: 0, offset: 0 };
      while (!signal.aborted) {
        const upTo = this.#revision;
        const ended = this.#ended;
        const text = this.#textSince(at);
        for (const event of this.#changes(seen, text, began)) yield event;
        if (text?.event.case === 'text') {
          const { job, epoch, offset } = text.event.value;
          at = { job, epoch: Number(epoch), offset: Number(offset) + Buffer.byteLength(text.event.value.text) };
        }
        seen = upTo;
        if (ended) {
          yield create(LocalRunEventSchema, { event: { case: 'ended', value: ended } });
          return;
        }
        if (this.#revision > seen || this.#ended || signal.aborted) continue;
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
      }
    } finally {
      this.#wakers.delete(waker);
      signal.removeEventListener('abort', waker);
    }
  }

  /**
   * What changed after a revision, in the order in which it changed last.
   * @param began revision at which it was begun to be followed: approvals that were over by then are not told
   */
  #changes(seen: number, text: LocalRunEvent | undefined, began: number): LocalRunEvent[] {
    const changes: { revision: number; event: LocalRunEvent }[] = [];
    for (const { job, revision } of this.#jobs.values()) {
      if (revision > seen)
        changes.push({ revision, event: create(LocalRunEventSchema, { event: { case: 'job', value: job } }) });
    }
    for (const { approval, revision } of this.#approvals.values()) {
      if (revision <= seen || (revision <= began && !isPending(approval))) continue;
      changes.push({ revision, event: create(LocalRunEventSchema, { event: { case: 'approval', value: approval } }) });
    }
    const waiting = this.#waiting;
    if (waiting && waiting.revision > seen) {
      const event = create(LocalRunEventSchema, { event: { case: 'waiting', value: waiting.value } });
      changes.push({ revision: waiting.revision, event });
    }
    if (text) changes.push({ revision: this.#textRevision, event: text });
    return changes.sort((a, b) => a.revision - b.revision).map(({ event }) => event);
  }

  #textSince(at: TextPosition): LocalRunEvent | undefined {
    const { held } = this.#text;
    const piece = held?.after(at);
    if (!held || !piece) return undefined;
    const value = create(TextChunkSchema, {
      job: held.job,
      epoch: BigInt(held.epoch),
      offset: BigInt(piece.offset),
      text: piece.text,
    });
    return create(LocalRunEventSchema, { event: { case: 'text', value } });
  }

  #wake(): void {
    for (const wake of this.#wakers) wake();
  }
}

const isPending = ({ state }: Approval): boolean => state === ApprovalState.PENDING;
