// Keeps the tables from growing without a bound: forgets old inbox rows and dead leases, and vacuums PGlite, where nobody
// else does. It never touches events or projections.
import type { Database } from './database.ts';
import { inStore } from './sql-failure.ts';

/** Tables whose rows are updated or removed all the time. */
const BUSY_TABLES = ['streams', 'outbox', 'timers', 'inbox', 'run', 'job', 'conversation', 'lease', 'device'];

export interface UpkeepOptions {
  /** How long a repeated command is recognised; default 30 days. An edge's queue must never be older than that. */
  readonly inboxDays?: number;
  /** Inbox rows forgotten in one call; default 20,000, so that no call takes long. */
  readonly limit?: number;
}

/**
 * One round of upkeep, at start and about hourly; any number of replicas may run it. Returns how many inbox rows were
 * forgotten: `limit` of them means that there is more to do.
 */
export async function upkeep(
  database: Database,
  { inboxDays = 30, limit = 20_000 }: UpkeepOptions = {},
): Promise<number> {
  return inStore(async () => {
    const { rowCount } = await database.pool.query(
      `delete from inbox where (tenant, source, command_id) in (
         select tenant, source, command_id from inbox where at < now() - $1::float8 * interval '1 day'
         order by at limit $2 for update skip locked)`,
      [inboxDays, limit],
    );
    await database.pool.query(`delete from lease where expires_at < now() - interval '1 hour'`);
    if (database.kind === 'pglite') {
      for (const table of BUSY_TABLES) await database.pool.query(`vacuum (analyze) ${table}`);
    }
    return rowCount ?? 0;
  });
}
