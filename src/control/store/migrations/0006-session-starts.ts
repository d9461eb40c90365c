// Which start of an edge's process a device's session belongs to, so that an edge that is superseded can tell whether by itself.
import type { Kysely } from 'kysely';
import { sql } from 'kysely';
import type { Migration } from 'kysely/migration';

export const sessionStarts: Migration = {
  async up(db: Kysely<unknown>): Promise<void> {
    await sql.raw(`alter table device add column boot_id text`).execute(db);
  },
};
