// What time it is on the edge. It goes by the machine's clock while nothing contradicts that: not the journal, whose time was
// reached before, and not the time that the control plane signs. It journals nothing; edge-journal.ts does.
//
// Nothing here can be turned so that something that ended begins again: grants end by monotonic time, calls are judged by the
// signed time of the control plane that signed them, and a day's budgets are carried over when the time is set back.
import type { Clock } from '../../base/clock.ts';

/** Clocks that differ by less agree: networks wait and clocks drift. */
export const CLOCK_TOLERANCE_MS = 5 * 60_000;
/** The time is not set back for less than this. */
const SLACK_MS = 1_000;

/** What contradicts the machine's clock, and by how much it is ahead (or, negative, behind). */
export interface ClockDoubt {
  readonly by: 'control' | 'journal';
  readonly aheadMs: number;
}

export class EdgeTime {
  readonly #clock: Clock;
  /** The time reached, and the monotonic moment of it; 0 before any. */
  #last = 0;
  #lastMono = 0;
  /** What the control plane signed last, and when it came. */
  #signed: { readonly at: number; readonly mono: number } | undefined;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** A record of the journal: time has been here. */
  reached(at: number): void {
    if (at > this.#last) this.#keep(at);
  }

  /** The time is this from now on, also when it was later before. */
  set(at: number): void {
    this.#keep(at);
  }

  /**
   * Milliseconds since 1970; never less than before, except after `set`. A clock that is doubted is not followed: time then
   * goes on from where it was, by the monotonic clock.
   */
  now(): number {
    const wall = this.#clock.now();
    if (this.#last === 0) this.#keep(wall);
    else if (!this.#doubtOf(wall)) this.#keep(Math.max(this.#last, wall));
    else this.#keep(this.#last + this.#elapsed(this.#lastMono));
    return Math.round(this.#last);
  }

  /** The time of the control plane: what it signed last, moved on; undefined before that. */
  control(): number | undefined {
    return this.#signed && Math.round(this.#signed.at + this.#elapsed(this.#signed.mono));
  }

  /**
   * The control plane signed a time just now. `anew`: it is its time, also if that goes back (a session began, or its clock was
   * set); else one that may have been under way for long, which only counts when it is later. Returns the time to set back to,
   * when the time reached is ahead of both that and the machine's clock.
   */
  signed(at: number, anew: boolean): number | undefined {
    const known = this.control();
    if (anew || known === undefined || at > known) this.#signed = { at, mono: this.#clock.monotonic() };
    const most = Math.max(this.#clock.now(), this.control() ?? 0);
    return this.#last > most + SLACK_MS ? Math.round(most) : undefined;
  }

  /** A time that is past by the edge and by the control plane, so that one wrong clock cannot make anything old. 0: none is known. */
  surelyPast(): number {
    return Math.min(this.now(), this.control() ?? 0);
  }

  doubt(): ClockDoubt | undefined {
    return this.#doubtOf(this.#clock.now());
  }

  /** What the machine's clock says. */
  machine(): number {
    return this.#clock.now();
  }

  #doubtOf(wall: number): ClockDoubt | undefined {
    const control = this.control();
    if (control !== undefined) {
      const aheadMs = wall - control;
      return Math.abs(aheadMs) > CLOCK_TOLERANCE_MS ? { by: 'control', aheadMs } : undefined;
    }
    const aheadMs = wall - this.#last;
    return aheadMs < -CLOCK_TOLERANCE_MS ? { by: 'journal', aheadMs } : undefined;
  }

  #elapsed(since: number): number {
    return Math.max(0, this.#clock.monotonic() - since);
  }

  #keep(at: number): void {
    this.#last = at;
    this.#lastMono = this.#clock.monotonic();
  }
}
