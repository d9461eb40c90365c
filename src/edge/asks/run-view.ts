// One run as its owner watches it: jobs, current text, what it waits for, how it ended. Followers read state, not a queue,
// so a slow one gets the newest state and its missing text in one piece. It sends nothing and stores nothing.
import { create } from '@bufbuild/protobuf';
import { type Ended, type RunEvent, RunEventSchema, type Waiting } from '../../../gen/bowline/local/v1/local_pb.ts';
import { type Job, type TextChunk, TextChunkSchema } from '../../../gen/bowline/run/v1/run_pb.ts';
import { fixedLimit } from '../../base/fixed-limit.ts';
import { TextBuffer } from './text-buffer.ts';

/** A position in the streamed text of a run. */
export interface TextPosition {
  readonly job: string;
  readonly epoch: bigint;
  readonly offset: number;
}

/** What became of a piece of text. */
export type Added = 'added' | 'old' | 'gap' | 'full';

interface CurrentText {
  readonly job: string;
  readonly epoch: bigint;
  readonly buffer: TextBuffer;
  revision: number;
}

export interface ViewLimits {
  /** Bytes of the current text that are kept for late followers. */
  readonly textBytes: number;
  readonly jobs: number;
  readonly followers: number;
}

/** The most a run may list is 4,096 jobs; an answer is at most 4 MiB. */
export const VIEW_LIMITS: ViewLimits = { textBytes: 4 << 20, jobs: 4096, followers: 16 };

export class RunView {
  readonly run: string;
  readonly conversation: string;
  readonly #limits: ViewLimits;
  readonly #jobs = new Map<string, { job: Job; revision: number }>();
  readonly #wakers = new Set<() => void>();
  #revision = 0;
  #waiting: { value: Waiting; revision: number } | undefined;
  #text: CurrentText | undefined;
  #ended: Ended | undefined;

  constructor(run: string, conversation: string, limits: ViewLimits = VIEW_LIMITS) {
    this.run = run;
    this.conversation = conversation;
    this.#limits = limits;
  }

  get followers(): number {
    return this.#wakers.size;
  }

  get ended(): Ended | undefined {
    return this.#ended;
  }

  /** Bytes of text that are held. */
  get textBytes(): number {
    return this.#text?.buffer.length ?? 0;
  }

  /** How far the text came; the empty job at the beginning. */
  get position(): TextPosition {
    const text = this.#text;
    return text ? { job: text.job, epoch: text.epoch, offset: text.buffer.length } : { job: '', epoch: 0n, offset: 0 };
  }

  /** Says what the run waits for; undefined when it goes on. Told to followers only when it changes. */
  setWaiting(value: Waiting | undefined): void {
    const old = this.#waiting?.value;
    if (old?.what === value?.what && old?.sent === value?.sent && old?.approval === value?.approval) return;
    this.#waiting = value && { value, revision: ++this.#revision };
    if (value) this.#wake();
  }

  /** A job as it is now. Beyond the limit, new jobs are not shown before the end. */
  updateJob(job: Job): void {
    if (!this.#jobs.has(job.id) && this.#jobs.size >= this.#limits.jobs) return;
    this.#jobs.set(job.id, { job, revision: ++this.#revision });
    this.#wake();
  }

  /**
   * Takes a piece of text. `old`: of an earlier job or epoch, or shown already. `gap`: something before it is missing, ask
   * for it from `position` on. `full`: more than is kept; the answer comes whole with the end.
   */
  addText(chunk: TextChunk): Added {
    const text = this.#text;
    const order = text ? compareWriters(chunk, text) : 1;
    if (order < 0) return 'old';
    const offset = Number(chunk.offset);
    if (!text || order > 0) {
      if (offset !== 0) return 'gap';
      const buffer = new TextBuffer(this.#limits.textBytes);
      this.#text = { job: chunk.job, epoch: chunk.epoch, buffer, revision: 0 };
      return this.#append(this.#text, chunk.text);
    }
    const known = text.buffer.length - offset;
    if (known < 0) return 'gap';
    if (known === 0) return chunk.text === '' ? 'old' : this.#append(text, chunk.text);
    const bytes = Buffer.from(chunk.text);
    return known >= bytes.length ? 'old' : this.#append(text, bytes.toString('utf8', known));
  }

  /** Gives the memory of the text back; it must be asked for again when someone follows. */
  dropText(): void {
    this.#text = undefined;
  }

  end(ended: Ended): void {
    this.#ended ??= ended;
    this.#wake();
  }

  /** What happens, from the beginning of the current text to the end of the run or the signal. */
  async *follow(signal: AbortSignal): AsyncGenerator<RunEvent, void, undefined> {
    if (this.#wakers.size >= this.#limits.followers) {
      throw fixedLimit('the number of followers of one run', this.#limits.followers, 'end one');
    }
    let wake = () => {};
    const waker = () => wake();
    this.#wakers.add(waker);
    signal.addEventListener('abort', waker);
    try {
      let seen = 0;
      let at: TextPosition = { job: '', epoch: 0n, offset: 0 };
      while (!signal.aborted) {
        const upTo = this.#revision;
        const ended = this.#ended;
        const text = this.#textSince(at);
        for (const event of this.#changes(seen, text)) yield event;
        if (text?.event.case === 'text') {
          const { job, epoch, offset } = text.event.value;
          at = { job, epoch, offset: Number(offset) + Buffer.byteLength(text.event.value.text) };
        }
        seen = upTo;
        if (ended) {
          yield create(RunEventSchema, { event: { case: 'ended', value: ended } });
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

  /** What changed after a revision, in the order in which it changed last. */
  #changes(seen: number, text: RunEvent | undefined): RunEvent[] {
    const changes: { revision: number; event: RunEvent }[] = [];
    for (const { job, revision } of this.#jobs.values()) {
      if (revision > seen)
        changes.push({ revision, event: create(RunEventSchema, { event: { case: 'job', value: job } }) });
    }
    const waiting = this.#waiting;
    if (waiting && waiting.revision > seen) {
      const event = create(RunEventSchema, { event: { case: 'waiting', value: waiting.value } });
      changes.push({ revision: waiting.revision, event });
    }
    if (text) changes.push({ revision: this.#text?.revision ?? 0, event: text });
    return changes.sort((a, b) => a.revision - b.revision).map(({ event }) => event);
  }

  #textSince(at: TextPosition): RunEvent | undefined {
    const text = this.#text;
    if (!text) return undefined;
    const same = text.job === at.job && text.epoch === at.epoch;
    const offset = same ? at.offset : 0;
    if (offset >= text.buffer.length) return undefined;
    const value = create(TextChunkSchema, {
      job: text.job,
      epoch: text.epoch,
      offset: BigInt(offset),
      text: text.buffer.from(offset),
    });
    return create(RunEventSchema, { event: { case: 'text', value } });
  }

  #append(text: CurrentText, piece: string): Added {
    if (!text.buffer.append(piece)) return 'full';
    text.revision = ++this.#revision;
    this.#wake();
    return 'added';
  }

  #wake(): void {
    for (const wake of this.#wakers) wake();
  }
}

/** Whether a piece comes from a later (positive), the same (0) or an earlier writer: by step and index, then epoch. */
function compareWriters(a: { job: string; epoch: bigint }, b: { job: string; epoch: bigint }): number {
  if (a.job !== b.job) {
    const [x, y] = [placeOf(a.job), placeOf(b.job)];
    return x.step - y.step || x.index - y.index || (a.job < b.job ? -1 : 1);
  }
  return a.epoch === b.epoch ? 0 : a.epoch > b.epoch ? 1 : -1;
}

/** Step and index of `run/step/index`. */
function placeOf(job: string): { step: number; index: number } {
  const [index = '', step = ''] = job.split('/').reverse();
  return { step: Number.parseInt(step, 10) || 0, index: Number.parseInt(index, 10) || 0 };
}
