// The text of the latest attempt that said anything: pieces of earlier ones are old, and a later one begins again. Texts of two attempts are
// never spliced.
import { OffsetText, type Received, type TextPiece } from './offset-text.ts';

/** An attempt of a job that writes text. */
export interface Writer {
  /** `run/step/index` */
  readonly job: string;
  readonly epoch: number;
}

/** A place in the text of an attempt; of the empty job before there is any. */
export interface TextPosition extends Writer {
  readonly offset: number;
}

/** A piece as it is sent. */
export interface SentPiece {
  readonly job: string;
  readonly epoch: bigint;
  readonly offset: bigint;
  readonly text: string;
}

export class AttemptText extends OffsetText implements Writer {
  readonly job: string;
  readonly epoch: number;

  constructor(job: string, epoch: number, limit?: number) {
    super(limit);
    this.job = job;
    this.epoch = epoch;
  }

  /** The next piece for a reader who stands there: on from there, or from the beginning when that was in the text of another attempt. */
  after(at: TextPosition, maxBytes?: number): TextPiece | undefined {
    const offset = at.job === this.job && at.epoch === this.epoch ? this.align(at.offset) : 0;
    const text = this.from(offset, maxBytes);
    return text === '' ? undefined : { offset, text };
  }
}

export class LatestText {
  readonly #limit: number | undefined;
  #held: AttemptText | undefined;

  /** @param limit most bytes that are kept */
  constructor(limit?: number) {
    this.#limit = limit;
  }

  /** What is held, if anything. Another object is the text of another attempt. */
  get held(): AttemptText | undefined {
    return this.#held;
  }

  /** What is held is good up to here; what is missing begins here. */
  get position(): TextPosition {
    const held = this.#held;
    return held ? { job: held.job, epoch: held.epoch, offset: held.bytes } : { job: '', epoch: 0, offset: 0 };
  }

  /** How much of the text of this attempt is held. */
  bytesOf(job: string, epoch: number): number {
    const held = this.#held;
    return held?.job === job && held.epoch === epoch ? held.bytes : 0;
  }

  /** Takes a piece as it came. `old`, too, when it is of an earlier attempt; a later attempt is held from its beginning on only. */
  receive({ job, epoch: sentEpoch, offset: sentOffset, text }: SentPiece): Received {
    const epoch = Number(sentEpoch);
    const offset = Number(sentOffset);
    const held = this.#held;
    const order = held ? compareWriters(job, epoch, held) : 1;
    if (order < 0) return 'old';
    if (held && order === 0) return held.receive(offset, text);
    if (offset !== 0) return 'gap';
    this.#held = new AttemptText(job, epoch, this.#limit);
    return this.#held.receive(0, text);
  }

  /** Holds this text, which is written here, unless a later one is held. */
  hold(text: AttemptText): void {
    const held = this.#held;
    if (!held || compareWriters(text.job, text.epoch, held) >= 0) this.#held = text;
  }

  /** Gives the memory back; the text must be told again from its beginning. */
  drop(): void {
    this.#held = undefined;
  }
}

/** Whether an attempt is later (positive), the same (0) or earlier than another: by step and index of its job, then by epoch. */
function compareWriters(job: string, epoch: number, other: Writer): number {
  if (job === other.job) return epoch - other.epoch;
  const [a, b] = [placeOf(job), placeOf(other.job)];
  return a.step - b.step || a.index - b.index || (job < other.job ? -1 : 1);
}

function placeOf(job: string): { step: number; index: number } {
  const [index = '', step = ''] = job.split('/').reverse();
  return { step: Number.parseInt(step, 10) || 0, index: Number.parseInt(index, 10) || 0 };
}
