// Devices that were removed, or are being removed, by the hash of their secret: so whoever still shows it can be told why it is refused.
import type { Kysely } from 'kysely';
import { sql } from 'kysely';
import type { Migration } from 'kysely/migration';

const statements = [
  `create table removed_device (
    tenant text not null, id text not null, name text not null, key_hash bytea not null,
    removed_at timestamptz(3) not null default now(), primary key (tenant, id))`,
  `create index removed_device_key on removed_device (key_hash)`,
];

export const removedDevices: Migration = {
  async up(db: Kysely<unknown>): Promise<void> {
    for (const statement of statements) await sql.raw(statement).execute(db);
  },
};
