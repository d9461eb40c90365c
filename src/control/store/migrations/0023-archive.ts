// What the archive has of runs that were removed. Never edited once released.
import type { Kysely } from 'kysely';
import { sql } from 'kysely';
import type { Migration } from 'kysely/migration';

const statements = [
  'alter table removed_run add column archive text',
  'create index removed_run_archived on removed_run (tenant, created_at, id) where archive is not null',
  'create index removed_run_line on removed_run (tenant, conversation) where archive is not null',
];

export const archive: Pick<Migration, 'up'> = {
  async up(db: Kysely<unknown>): Promise<void> {
    for (const statement of statements) await sql.raw(statement).execute(db);
  },
};
