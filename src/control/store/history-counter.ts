// Notices under a running replica that the database was replaced by an older state of itself: a standby that lagged, a backup. The
// replica raises a number in its own row; a number below what it knows to be written is of another history. So is a database without
// a commit that it acknowledged.
import { type Kysely, sql } from 'kysely';
import type { Clock } from '../../base/clock.ts';
import { inStore } from '../../base/sql-failure.ts';
import type { CommitWitness } from './commit-witness.ts';
import type { Schema } from './schema.ts';

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
  readonly #db: Kysely<Schema>;
  readonly #replica: string;
  readonly #clock: Pick<Clock, 'monotonic'>;
  readonly #commits: Pick<CommitWitness, 'lost'> | undefined;
  #tried = 0;
  /** The last one that is known to have been written, and when. */
  #known = 0;
  #at = 0;

  constructor(
    db: Kysely<Schema>,
    replica: string,
    clock: Pick<Clock, 'monotonic'>,
    commits?: Pick<CommitWitness, 'lost'>,
  ) {
    this.#db = db;
    this.#replica = replica;
    this.#clock = clock;
    this.#commits = commits;
  }

  /** Writes the next number. Returns what it noticed, once for each time. Throws what the store throws. */
  async raise(): Promise<HistoryGap | undefined> {
    if (this.#clock.monotonic() - this.#at > TOLD_MS) this.#known = 0;
    const lost = await this.#commits?.lost(this.#db);
    if (lost) {
      this.#known = 0;
      return { replica: this.#replica, ...lost };
    }
    const known = this.#known;
    const next = ++this.#tried;
    const written = await inStore(() =>
      this.#db
        .updateTable('lease')
        .set({ beat: next })
        .where('replica', '=', this.#replica)
        // One whose answer was lost may have been written, too.
        .where('beat', '>=', known)
        .executeTakeFirst(),
    );
    this.#at = this.#clock.monotonic();
    if (written.numUpdatedRows > 0n) {
      this.#known = next;
      return undefined;
    }
    this.#known = 0;
    if (known === 0) return undefined;
    const { rows } = await inStore(() =>
      sql<{ beat: string }>`select beat from lease where replica = ${this.#replica}`.execute(this.#db),
    );
    return { replica: this.#replica, known, given: Number(rows[0]?.beat ?? 0) };
  }
}
