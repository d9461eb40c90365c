// When a session that ended is followed by the next: after waits that grow with each failure, at random moments, so that many peers of one
// control plane do not come back together.
import { fullJitter } from '../../base/backoff.ts';
import type { Clock } from '../../base/clock.ts';

export interface ReconnectParts {
  readonly clock: Pick<Clock, 'monotonic'>;
  /** The longest first wait, and the longest of all. */
  readonly baseMs: number;
  readonly capMs: number;
  /** A session that stood this long from its Welcome on was no failure. One that ends right after it is: the waits go on growing. */
  readonly lastedMs: number;
  readonly random?: () => number;
}

/** Why the session ended. */
export type SessionEnded =
  | { readonly kind: 'lost' }
  /** Somebody is there and took nothing of it, because they leave: comes back as after a first failure, unless that happened just before. */
  | { readonly kind: 'untaken' }
  /** Something that a repeat will hardly change: waits this much longer. */
  | { readonly kind: 'refused'; readonly moreMs: number }
  /** The control plane told how long to wait, because many connect at once; no failure. */
  | { readonly kind: 'told'; readonly ms: number }
  /** Its replica leaves, and another one is there: comes within this time; no failure. */
  | { readonly kind: 'moved'; readonly withinMs: number };

export class Reconnect {
  readonly #parts: ReconnectParts;
  #failures = 0;
  #welcomedAt: number | undefined;
  #untaken = false;

  constructor(parts: ReconnectParts) {
    this.#parts = parts;
  }

  /** Sessions that failed since one lasted. */
  get failures(): number {
    return this.#failures;
  }

  /** The session stands. */
  welcomed(): void {
    this.#welcomedAt = this.#parts.clock.monotonic();
  }

  /** The session ended, or never stood: milliseconds until the next. */
  waitMs(ended: SessionEnded): number {
    const { clock, baseMs, capMs, lastedMs, random = Math.random } = this.#parts;
    if (this.#welcomedAt !== undefined && clock.monotonic() - this.#welcomedAt >= lastedMs) this.#failures = 0;
    this.#welcomedAt = undefined;
    const again = this.#untaken;
    this.#untaken = ended.kind === 'untaken';
    if (ended.kind === 'untaken' && !again) return fullJitter(1, baseMs, capMs, random);
    if (ended.kind === 'moved') return random() * ended.withinMs;
    if (ended.kind === 'told') return ended.ms * (1 + random() / 4);
    const wait = fullJitter(++this.#failures, baseMs, capMs, random);
    return ended.kind === 'refused' ? wait + ended.moreMs : wait;
  }
}
