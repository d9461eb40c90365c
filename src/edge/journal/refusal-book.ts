// How many refusals that nobody needs again the journal takes: so many an hour, each with its job; the rest as one sum for each
// reason. So refused calls, however many, cannot push out what tells of shared things. Folded: a restart renews nothing.
import type { ToolRefused } from '../../../gen/bowline/journal/v1/journal_pb.ts';
import type { Entry, Fold } from './records.ts';

/** Refusals of an hour that are written one by one. */
export const REFUSALS_AN_HOUR = 60;
/** Reasons that are told apart; there are fewer in the table of errors. */
const MAX_REASONS = 128;
const HOUR_MS = 3_600_000;

/** Refusals of one reason that were not written one by one. */
export interface RefusalSum {
  readonly reason: string;
  readonly count: number;
}

export class RefusalBook implements Fold {
  #hour = 0;
  /** Of this hour: written one by one, and promised to be. */
  #single = 0;
  readonly #rest = new Map<string, number>();
  #opening = true;

  /** Whether the journal takes this one by itself; else it is added to the sums. */
  admit(reason: string, at: number): boolean {
    this.#reach(at);
    if (this.#single < REFUSALS_AN_HOUR) {
      this.#single++;
      return true;
    }
    if (this.#rest.has(reason) || this.#rest.size < MAX_REASONS)
      this.#rest.set(reason, (this.#rest.get(reason) ?? 0) + 1);
    return false;
  }

  /** Sums that are due: those of an hour that is over, or all. They are the caller's to write then. */
  pullSums(at: number, all = false): RefusalSum[] {
    if (!all && Math.floor(at / HOUR_MS) <= this.#hour) return [];
    const sums = [...this.#rest].map(([reason, count]) => ({ reason, count }));
    this.#rest.clear();
    return sums;
  }

  apply({ at, record }: Entry): void {
    // After the time was set back an hour that was ahead is not waited for; nor does it begin anew.
    if (record.case === 'clockSet') this.#hour = Math.min(this.#hour, Math.floor(at / HOUR_MS));
    if (!this.#opening || record.case !== 'toolRefused' || !isSingle(record.value)) return;
    this.#reach(at);
    this.#single++;
  }

  /** The journal is open: from here on each is counted when it is taken. */
  opened(): void {
    this.#opening = false;
  }

  #reach(at: number): void {
    const hour = Math.floor(at / HOUR_MS);
    if (hour <= this.#hour) return;
    this.#hour = hour;
    this.#single = 0;
  }
}

const isSingle = ({ idempotencyKey, count }: ToolRefused): boolean => idempotencyKey === '' && count === 0n;
