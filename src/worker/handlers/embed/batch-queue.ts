// Texts that wait to be sent together: when they are ready, and whose go first. Sends nothing.
import type { Clock } from '../../../base/clock.ts';
import type { BatchLimits } from './embedder.ts';

/** One text of somebody. */
export interface QueuedText<Owner> {
  readonly owner: Owner;
  /** Its number among the owner's texts. */
  readonly index: number;
  readonly text: string;
  readonly bytes: number;
}

/** What waits is what the jobs of this worker hold anyway; so it is bounded by their number. */
export class BatchQueue<Owner> {
  readonly #limits: BatchLimits;
  readonly #clock: Clock;
  readonly #onDue: () => void;
  readonly #waiting = new Map<Owner, QueuedText<Owner>[]>();
  #texts = 0;
  #bytes = 0;
  #due = false;
  #stopTimer: () => void = () => {};
  /** When the first of what waits came; only compared. */
  since = 0;

  /** `onDue` is called when what waits has waited long enough. */
  constructor(limits: BatchLimits, clock: Clock, onDue: () => void) {
    this.#limits = limits;
    this.#clock = clock;
    this.#onDue = onDue;
  }

  /** Whether a batch should leave now: it is full, or its first text has waited long enough. */
  get ready(): boolean {
    return this.#texts > 0 && (this.#due || this.#texts >= this.#limits.texts || this.#bytes >= this.#limits.bytes);
  }

  add(owner: Owner, texts: readonly string[]): void {
    if (this.#texts === 0) this.#wait();
    const pieces = texts.map((text, index) => ({ owner, index, text, bytes: Buffer.byteLength(text) }));
    this.#waiting.set(owner, pieces);
    for (const piece of pieces) this.#count(piece, 1);
  }

  /** A batch within the limits; everyone who waits has a text in it before anyone has a second one. */
  dequeue(): QueuedText<Owner>[] {
    const batch: QueuedText<Owner>[] = [];
    let bytes = 0;
    for (let full = false; !full && this.#waiting.size > 0; ) {
      for (const [owner, pieces] of this.#waiting) {
        const piece = pieces[0]!;
        full = batch.length >= this.#limits.texts || (batch.length > 0 && bytes + piece.bytes > this.#limits.bytes);
        if (full) break;
        batch.push(piece);
        bytes += piece.bytes;
        this.#count(piece, -1);
        pieces.shift();
        if (pieces.length === 0) this.#waiting.delete(owner);
      }
    }
    // What did not fit has waited as long as what left.
    if (this.#texts === 0) this.#rest();
    return batch;
  }

  drop(owner: Owner): void {
    for (const piece of this.#waiting.get(owner) ?? []) this.#count(piece, -1);
    this.#waiting.delete(owner);
    if (this.#texts === 0) this.#rest();
  }

  #count({ bytes }: QueuedText<Owner>, by: 1 | -1): void {
    this.#texts += by;
    this.#bytes += by * bytes;
  }

  #wait(): void {
    this.since = this.#clock.monotonic();
    this.#stopTimer();
    this.#due = false;
    this.#stopTimer = this.#clock.after(this.#limits.waitMs, () => {
      this.#due = true;
      this.#onDue();
    });
  }

  #rest(): void {
    this.#stopTimer();
    this.#due = false;
  }
}
