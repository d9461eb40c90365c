// The model that answered, shown with the outcome of a run. A replica from before writes none.
import type { Kysely } from 'kysely';
import { sql } from 'kysely';
import type { Migration } from 'kysely/migration';

export const runModel: Migration = {
  async up(db: Kysely<unknown>): Promise<void> {
    await sql.raw('alter table run add column model jsonb').execute(db);
  },
};
