// Collections that a run could not look into, shown with its outcome. A replica from before writes none.
import type { Kysely } from 'kysely';
import { sql } from 'kysely';
import type { Migration } from 'kysely/migration';

export const leftOut: Migration = {
  async up(db: Kysely<unknown>): Promise<void> {
    await sql.raw(`alter table run add column left_out jsonb not null default '[]'`).execute(db);
  },
};
