// How large the tables are, and about how much of each is a tenant's. What the database knows anyway: the sizes of its files, and its
// statistics of how often each tenant occurs, which it samples when it analyses a table. Nothing is counted.
import { type Kysely, sql } from 'kysely';
import { inStore } from '../../base/sql-failure.ts';
import type { Schema } from './schema.ts';

export interface TableSize {
  readonly table: string;
  /** About. */
  readonly rows: number;
  /** With indexes and long values, on the disk. */
  readonly bytes: number;
}

const FILES = sql`select c.oid, c.relname as table, greatest(c.reltuples, 0)::float8 as rows, pg_total_relation_size(c.oid)::float8 as bytes
  from pg_class c where c.relkind = 'r' and c.relnamespace = current_schema()::regnamespace`;

/** All tables, the largest first. */
export async function tableSizes(db: Kysely<Schema>): Promise<TableSize[]> {
  const query = sql<TableSize>`/* table_sizes */ select t.table, t.rows, t.bytes from (${FILES}) t order by t.bytes desc`;
  return (await inStore(() => query.execute(db))).rows;
}

/**
 * What of each table is this tenant's, by its share of the rows; the largest first. A tenant that is not among those that the statistics
 * name has the mean of the others. Tables that were never analysed are left out.
 */
export async function sizesOf(db: Kysely<Schema>, tenant: string): Promise<TableSize[]> {
  const query = sql<TableSize>`/* tenant_sizes */
    select s.table, round(s.rows * s.share) as rows, round(s.bytes * s.share) as bytes from (
      select t.table, t.rows, t.bytes, coalesce(
        (select u.freq from unnest(p.most_common_vals::text::text[], p.most_common_freqs) u (id, freq) where u.id = ${tenant}),
        (1 - coalesce((select sum(f) from unnest(p.most_common_freqs) f), 0)) / greatest(
          (case when p.n_distinct < 0 then -p.n_distinct * t.rows else p.n_distinct end) - coalesce(cardinality(p.most_common_freqs), 0), 1))
        as share
      from (${FILES}) t
      join pg_stats p on p.schemaname = current_schema() and p.tablename = t.table and p.attname = 'tenant'
      where t.rows > 0) s
    where round(s.rows * s.share) > 0 order by 3 desc`;
  return (await inStore(() => query.execute(db))).rows;
}
