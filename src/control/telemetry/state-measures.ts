// What the database tells of the whole: jobs that wait, and calls that wait for their owners. Asked when metrics are read, and not more
// often than a bound, however often that is.
import { type Kysely, sql } from 'kysely';
import type { MetricValue } from '../../base/telemetry/names.ts';
import type { Schema } from '../store/schema.ts';
import { tableSizes } from '../store/sizes.ts';

/** How many workers each declared pool is to have for outstanding jobs, kind by kind. */
type PoolsWanted = (
  demands: readonly { capability: string; selector: Record<string, string>; slots: number }[],
) => ReadonlyMap<string, number>;

/** An answer serves all who ask so soon after it. */
const FRESH_MS = 2_000;

/** @param now milliseconds, monotonic; the reading throws what the database does */
export function stateMeasures(
  db: Kysely<Schema>,
  now: () => number,
  poolsWanted?: PoolsWanted,
): () => Promise<readonly MetricValue[]> {
  let last: { readonly at: number; readonly measures: Promise<readonly MetricValue[]> } | undefined;
  return () => {
    if (last && now() - last.at < FRESH_MS) return last.measures;
    const measures = Promise.all([readMeasures(db), poolMeasures(db, poolsWanted)]).then((all) => all.flat());
    last = { at: now(), measures };
    measures.catch(() => {
      last = undefined;
    });
    return measures;
  };
}

async function readMeasures(db: Kysely<Schema>): Promise<readonly MetricValue[]> {
  const { rows: jobs } = await sql<{ capability: string; n: number; age: number }>`/* waiting_measures */
    select capability, count(*)::int as n, extract(epoch from now() - min(created_at))::float8 as age
    from outbox where state = 'ready' and target = 'worker' and holder is null group by capability`.execute(db);
  const { rows: held } = await sql<{ n: number }>`/* held_measures */
    select count(*)::int as n from job where state = 'approval'`.execute(db);
  const tables = await tableSizes(db);
  return [
    ...tables.flatMap(({ table, rows, bytes }): MetricValue[] => [
      { metric: 'tableBytes', value: bytes, labels: { table } },
      { metric: 'tableRows', value: rows, labels: { table } },
    ]),
    ...jobs.flatMap(({ capability, n, age }): MetricValue[] => [
      { metric: 'waiting', value: n, labels: { capability } },
      { metric: 'oldest', value: Math.max(age, 0), labels: { capability } },
    ]),
    { metric: 'held', value: held[0]?.n ?? 0, labels: {} },
  ];
}

/** How many workers each declared pool is to have for what is outstanding: also what runs, so that a pool does not shrink under its work. */
async function poolMeasures(db: Kysely<Schema>, poolsWanted?: PoolsWanted): Promise<readonly MetricValue[]> {
  if (!poolsWanted) return [];
  const { rows } = await sql<{
    capability: string;
    selector: Record<string, string>;
    slots: number;
  }>`/* pool_measures */
    select capability, selector, sum(slots)::int as slots from outbox
    where state = 'ready' and target = 'worker' group by capability, selector limit 1000`.execute(db);
  return [...poolsWanted(rows)].map(([pool, value]) => ({ metric: 'poolWanted', value, labels: { pool } }));
}
