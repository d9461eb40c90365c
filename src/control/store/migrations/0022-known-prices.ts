// The prices that workers told lately. Never edited once released. Workers that say the same share a row.
import type { Kysely } from 'kysely';
import { sql } from 'kysely';
import type { Migration } from 'kysely/migration';

const TABLE = `create table known_prices (
    digest text primary key, tenants text[] not null, packages text[] not null, models jsonb not null,
    at timestamptz(3) not null default now())`;

export const knownPrices: Pick<Migration, 'up'> = {
  async up(db: Kysely<unknown>): Promise<void> {
    await sql.raw(TABLE).execute(db);
  },
};
