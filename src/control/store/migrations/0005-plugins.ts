// Contracts of plugins: packages that a tenant's own workers serve.
import type { Kysely } from 'kysely';
import { sql } from 'kysely';
import type { Migration } from 'kysely/migration';

const statements = [
  `create table plugin (
    package text primary key,
    tenant text not null references tenant (id),
    descriptor_set bytea not null,
    digest bytea not null,
    effect int not null,
    idempotent boolean not null,
    trusted boolean not null,
    updated_at timestamptz not null default now())`,
  `create index plugin_tenant on plugin (tenant, package)`,
];

export const plugins: Migration = {
  async up(db: Kysely<unknown>): Promise<void> {
    for (const statement of statements) await sql.raw(statement).execute(db);
  },
};
