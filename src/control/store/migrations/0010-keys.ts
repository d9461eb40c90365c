// Names of owner keys, join tokens that were revoked, and what a suspended device was before.
import type { Kysely } from 'kysely';
import { sql } from 'kysely';
import type { Migration } from 'kysely/migration';

const statements = [
  `alter table api_key add column name text not null default ''`,
  `alter table join_token add column revoked_at timestamptz(3)`,
  `alter table device add column suspended_from text`,
];

export const keys: Migration = {
  async up(db: Kysely<unknown>): Promise<void> {
    for (const statement of statements) await sql.raw(statement).execute(db);
  },
};
