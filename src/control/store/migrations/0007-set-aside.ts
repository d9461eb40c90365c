// Runs whose history a version could not read: a dead letter each, until a newer version reads it or its owner ends it. And what a
// version needs to know of the others that are at work: which one a replica is. What 0003 took from leases comes back, so that
// a replica from before it still writes its lease; nobody reads it.
import type { Kysely } from 'kysely';
import { sql } from 'kysely';
import type { Migration } from 'kysely/migration';

const statements = [
  `create table set_aside (
    tenant text not null, run text not null, problem text not null, version int not null,
    since timestamptz(3) not null default now(), ended_at timestamptz(3), primary key (tenant, run))`,
  `alter table lease add column version int not null default 0`,
  `alter table lease add column in_flight jsonb not null default '[]'`,
];

export const setAside: Migration = {
  async up(db: Kysely<unknown>): Promise<void> {
    for (const statement of statements) await sql.raw(statement).execute(db);
  },
};
