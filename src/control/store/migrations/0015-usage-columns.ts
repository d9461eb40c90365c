// Whose use of a model it was, and by what: a row for each result that was charged. A replica from before writes none.
import type { Kysely } from 'kysely';
import { sql } from 'kysely';
import type { Migration } from 'kysely/migration';

export const usageColumns: Pick<Migration, 'up'> = {
  async up(db: Kysely<unknown>): Promise<void> {
    await sql
      .raw(
        `alter table ledger_usage
          add column epoch bigint not null default 0, add column method text not null default '',
          add column conversation text, add column device text, add column principal text not null default '',
          add column cached_tokens bigint not null default 0, add column estimated boolean not null default false`,
      )
      .execute(db);
  },
};
