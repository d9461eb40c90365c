// What retention needs: which runs were removed and why, sums of usage in the place of single rows, and a vacuum that keeps up with the
// tables from which rows are removed now.
import type { Kysely } from 'kysely';
import { sql } from 'kysely';
import type { Migration } from 'kysely/migration';

/** Large tables from the old end of which rows are removed: by default a fifth of the table would have to be dead first. */
const SHRINKING = 'autovacuum_vacuum_scale_factor = 0.05, autovacuum_analyze_scale_factor = 0.05';

const statements = [
  `create table removed_run (
    tenant text not null, id text not null, conversation text, device text, created_at timestamptz(3) not null,
    ended_at timestamptz(3), removed_at timestamptz(3) not null default now(),
    why text not null check (why in ('age', 'conversation')),
    primary key (tenant, id))`,
  'create index removed_run_at on removed_run (removed_at)',
  // Of a row that is a sum: how many uses it stands for.
  'alter table ledger_usage add column jobs bigint not null default 0',
  ...['events', 'ledger_usage', 'audit', 'removed_run'].map((table) => `alter table ${table} set (${SHRINKING})`),
];

export const retention: Pick<Migration, 'up'> = {
  async up(db: Kysely<unknown>): Promise<void> {
    for (const statement of statements) await sql.raw(statement).execute(db);
  },
};
