// How much content left on each day, as the lines of the ledger tell it. A day is one of this machine's local time. Folded from the
// journal, so that a restart, a crash or a pruning renews nothing.
import type { DayEgress } from '../../../gen/bowline/journal/v1/journal_pb.ts';
import type { Egress } from '../../../gen/bowline/run/v1/run_pb.ts';
import { countsForDay } from '../../contract/counts-for-day.ts';
import { DAYS_KEPT, dayOf } from '../time/local-day.ts';
import { egressOf } from './ledger-lines.ts';
import type { Entry, Fold } from './records.ts';

/** What one record tells of one day. */
interface Told {
  readonly sequence: number;
  readonly day: number;
  readonly bytes: number;
}

/** Bytes of these lines that count for a day. */
export const countedBytes = (lines: readonly Egress[]): number =>
  lines.reduce((sum, line) => (countsForDay(line) ? sum + Number(line.bytes) : sum), 0);

export class DayBook implements Fold {
  #told: Told[] = [];
  #newest = 0;

  apply({ sequence, at, record }: Entry): void {
    if (record.case === 'checkpoint') {
      const cut = Number(record.value.sequence);
      // What it tells of is in it; a crash may have left some of that beside it.
      if (record.value.days.length > 0) this.#told = this.#told.filter((each) => each.sequence > cut);
      for (const { day, bytes } of record.value.days) this.#add({ sequence, day, bytes: Number(bytes) });
      return;
    }
    const bytes = countedBytes(egressOf(record));
    if (bytes > 0) this.#add({ sequence, day: dayOf(at), bytes });
  }

  /** Bytes by day, oldest first, of records up to a sequence: what a checkpoint must keep when they go. */
  upTo(sequence: number): Pick<DayEgress, 'day' | 'bytes'>[] {
    const sums = new Map<number, number>();
    for (const each of this.#told)
      if (each.sequence <= sequence) sums.set(each.day, (sums.get(each.day) ?? 0) + each.bytes);
    return [...sums].sort(([a], [b]) => a - b).map(([day, bytes]) => ({ day, bytes: BigInt(bytes) }));
  }

  /** Bytes by day, of all that is remembered. */
  all(): Map<number, number> {
    return new Map(this.upTo(Number.POSITIVE_INFINITY).map(({ day, bytes }) => [day, Number(bytes)]));
  }

  #add(told: Told): void {
    this.#told.push(told);
    if (told.day <= this.#newest) return;
    this.#newest = told.day;
    const oldest = told.day - DAYS_KEPT;
    if (this.#told.some(({ day }) => day < oldest)) this.#told = this.#told.filter(({ day }) => day >= oldest);
  }
}
