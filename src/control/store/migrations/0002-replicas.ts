// What several replicas share beside the streams: which one holds a device's session, the key that signs tool calls, and
// what is known of a database that was restored.
import type { Kysely } from 'kysely';
import { sql } from 'kysely';
import type { Migration } from 'kysely/migration';

const statements = [
  // No index on replica: a session's begin and end stay HOT updates, and devices are only ever found by tenant.
  `alter table device add column replica text`,
  // The device had sessions before a restored database was recovered: the asks it had are presented again.
  `alter table device add column recovered boolean not null default false`,
  `alter table tenant add column stopped_at timestamptz(3)`,
  `alter table tenant add column stopped_by jsonb`,
  `create table control_state (
    one boolean primary key default true check (one),
    signing_key text,
    epoch_base bigint not null default 0,
    recovered_at timestamptz(3))`,
  `insert into control_state default values`,
];

export const replicas: Migration = {
  async up(db: Kysely<unknown>): Promise<void> {
    for (const statement of statements) await sql.raw(statement).execute(db);
  },
};
