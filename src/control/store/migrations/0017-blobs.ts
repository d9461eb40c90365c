// Large payloads beside the events. Never edited once released.
import type { Kysely } from 'kysely';
import { sql } from 'kysely';
import type { Migration } from 'kysely/migration';

const tables = [
  `create table blob (
    tenant text not null, sha256 text not null, size bigint not null, at timestamptz(3) not null default now(),
    primary key (tenant, sha256))`,
  `create table blob_owner (
    tenant text not null, sha256 text not null, owner text not null, held boolean not null,
    at timestamptz(3) not null default now(), primary key (tenant, sha256, owner))`,
  'create index blob_owner_owner on blob_owner (tenant, owner)',
  'create table blob_data (tenant text not null, sha256 text not null, data bytea not null, primary key (tenant, sha256))',
];

export const blobs: Pick<Migration, 'up'> = {
  async up(db: Kysely<unknown>): Promise<void> {
    for (const each of tables) await sql.raw(each).execute(db);
  },
};
