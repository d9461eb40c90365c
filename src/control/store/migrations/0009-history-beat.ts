// A number that each replica raises every second, so that it notices when the database is replaced by an older state of itself.
import type { Kysely } from 'kysely';
import { sql } from 'kysely';
import type { Migration } from 'kysely/migration';

export const historyBeat: Migration = {
  async up(db: Kysely<unknown>): Promise<void> {
    await sql.raw('alter table lease add column beat bigint not null default 0').execute(db);
  },
};
