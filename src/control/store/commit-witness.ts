// Remembers commits of this replica that the database acknowledged, and asks whether it still has them. A standby that lagged by a
// moment lacks the last ones, however short the moment was. Bounded: the newest commit of each tenth of a second until it was seen.
import { type Kysely, sql } from 'kysely';
import type { Clock } from '../../base/clock.ts';
import { inStore } from '../../base/sql-failure.ts';
import type { Schema } from './schema.ts';
import type { CommitUnit, EventStore } from './unit.ts';

/** A database that takes another's place is not there that soon, so the newest commit before it is never covered by one after it. */
const EACH_MS = 100;
const MOST = 256;

interface Commit {
  readonly tenant: string;
  readonly source: string;
  readonly command: string;
  /** The how manieth of this replica it was. */
  readonly number: number;
  readonly slot: number;
  /** Monotonic milliseconds. */
  readonly at: number;
}

/** The number of a commit that is gone, and that of the last one that is there. */
export interface LostCommit {
  readonly known: number;
  readonly given: number;
}

export class CommitWitness {
  readonly #db: Kysely<Schema>;
  readonly #clock: Pick<Clock, 'monotonic'>;
  readonly #keptMs: number;
  #commits: Commit[] = [];
  #count = 0;

  /** @param keptMs how long the database has a commit's command: of an older one nothing can be told */
  constructor(db: Kysely<Schema>, clock: Pick<Clock, 'monotonic'>, keptMs = Number.POSITIVE_INFINITY) {
    this.#keptMs = keptMs;
    this.#db = db;
    this.#clock = clock;
  }

  /** The store, with what it commits remembered here. */
  of(store: EventStore): EventStore {
    return {
      commit: async (unit) => {
        const result = await store.commit(unit);
        if (result.status === 'committed') this.#note(unit);
        return result;
      },
      outcome: (tenant, source, commandId) => store.outcome(tenant, source, commandId),
      load: (tenant, stream, after) => store.load(tenant, stream, after),
    };
  }

  /** What is gone of it, told once; what is there is forgotten. Throws what the store throws. */
  async findLost(): Promise<LostCommit | undefined> {
    // By half of the time: the clocks of database and replica differ, and so do the ends of a commit.
    const since = this.#clock.monotonic() - this.#keptMs / 2;
    this.#commits = this.#commits.filter(({ at }) => at > since);
    const asked = [...this.#commits];
    if (asked.length === 0) return undefined;
    const rows = JSON.stringify(
      asked.map(({ tenant, source, command, number }) => ({ tenant, source, command, number })),
    );
    const { rows: there } = await inStore(() =>
      sql<{ number: number }>`select c.number::int as number
        from json_to_recordset(${rows}::json) as c(tenant text, source text, command text, number bigint)
        cross join lateral (select 1 from inbox
          where tenant = c.tenant and source = c.source and command_id = c.command limit 1) i`.execute(this.#db),
    );
    const found = new Set(there.map(({ number }) => Number(number)));
    const gone = asked.find(({ number }) => !found.has(number));
    const done = new Set(asked);
    this.#commits = gone ? [] : this.#commits.filter((commit) => !done.has(commit));
    return gone && { known: gone.number, given: Math.max(0, ...[...found].filter((number) => number < gone.number)) };
  }

  #note({ tenant, source, commandId: command }: CommitUnit): void {
    const at = this.#clock.monotonic();
    const slot = Math.floor(at / EACH_MS);
    if (this.#commits.at(-1)?.slot === slot) this.#commits.pop();
    this.#commits.push({ tenant, source, command, number: ++this.#count, slot, at });
    if (this.#commits.length > MOST) this.#commits.shift();
  }
}
