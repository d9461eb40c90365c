// Notices under a running replica that the database was replaced by an older state of itself: a standby that lagged, a backup. The
// replica raises a number in its own row; a number below what it knows to be written is of another history. So is a database without
// a commit that it acknowledged.
import type { Clock } from '../../base/clock.ts';
import type { CommitWitness } from './commit-witness.ts';
import type { Leases } from './leases.ts';

/** What showed that the database was replaced by an older one. */
export interface HistoryGap {
  readonly replica: string;
  /** The number that this replica knows to have been written. */
  readonly known: number;
  /** The number that the database has. */
  readonly given: number;
}

/** After a longer silence its row may have been tidied up, and nothing can be told from its absence (see upkeep.ts). */
const TOLD_MS = 30 * 60_000;

export class HistoryCounter {
  readonly #leases: Pick<Leases, 'raiseCounter' | 'counterOf'>;
  readonly #replica: string;
  readonly #clock: Pick<Clock, 'monotonic'>;
  readonly #commits: Pick<CommitWitness, 'findLost'> | undefined;
  #tried = 0;
  /** The last one that is known to have been written, and when. */
  #known = 0;
  #at = 0;

  constructor(
    leases: Pick<Leases, 'raiseCounter' | 'counterOf'>,
    replica: string,
    clock: Pick<Clock, 'monotonic'>,
    commits?: Pick<CommitWitness, 'findLost'>,
  ) {
    this.#leases = leases;
    this.#replica = replica;
    this.#clock = clock;
    this.#commits = commits;
  }

  /** Writes the next number. Returns what it noticed, once for each time. Throws what the store throws. */
  async raise(): Promise<HistoryGap | undefined> {
    if (this.#clock.monotonic() - this.#at > TOLD_MS) this.#known = 0;
    const lost = await this.#commits?.findLost();
    if (lost) {
      this.#known = 0;
      return { replica: this.#replica, ...lost };
    }
    const known = this.#known;
    const next = ++this.#tried;
    const written = await this.#leases.raiseCounter(this.#replica, next, known);
    this.#at = this.#clock.monotonic();
    if (written) {
      this.#known = next;
      return undefined;
    }
    this.#known = 0;
    if (known === 0) return undefined;
    return { replica: this.#replica, known, given: await this.#leases.counterOf(this.#replica) };
  }
}
