// Keeps the tables from growing without a bound: forgets old inbox rows, dead leases and notes whose time is over, and vacuums PGlite, where nobody
// else does. It never touches events or projections.
import { type Clock, sleep, systemClock } from '../../base/clock.ts';
import type { Logger } from '../../base/logger.ts';
import { inStore } from '../../base/sql-failure.ts';
import type { Database } from './database.ts';
import { TIDY_LEASES_SQL } from './leases.ts';

/** Tables whose rows are updated or removed all the time. */
const BUSY_TABLES = [
  'streams',
  'outbox',
  'timers',
  'inbox',
  'run',
  'job',
  'conversation',
  'lease',
  'device',
  'owner_note',
];

const FIRST_MS = 60_000;
const EVERY_MS = 3_600_000;
/** Between two batches, so that commits get their turn. */
const PAUSE_MS = 50;

export interface UpkeepOptions {
  /** How long a repeated command is recognised; default 30 days. An edge's queue must never be older than that. */
  readonly inboxDays?: number;
  /** Inbox rows forgotten by one statement; default 5,000, on PGlite 1,000, where nothing else runs meanwhile. */
  readonly batch?: number;
  /** Ends it after the statement under way. */
  readonly signal?: AbortSignal;
  readonly clock?: Clock;
}

/**
 * One round of upkeep. Any number of replicas may run it at once: rows that another one is about to forget are skipped.
 * Returns how many inbox rows were forgotten.
 */
export async function upkeep(database: Database, options: UpkeepOptions = {}): Promise<number> {
  const { inboxDays = 30, batch = database.kind === 'pglite' ? 1_000 : 5_000, signal, clock = systemClock } = options;
  return inStore(async () => {
    let forgotten = 0;
    for (;;) {
      // By ctid: any other way to name the rows makes the planner read the whole table for each batch.
      const { rowCount } = await database.pool.query(
        `delete from inbox where ctid = any(array(
           select ctid from inbox where at < now() - $1::float8 * interval '1 day'
           order by at limit $2 for update skip locked))`,
        [inboxDays, batch],
      );
      forgotten += rowCount ?? 0;
      if ((rowCount ?? 0) < batch || signal?.aborted) break;
      await sleep(clock, PAUSE_MS, signal);
    }
    await database.pool.query(TIDY_LEASES_SQL);
    await database.pool.query('delete from owner_note where expires_at < now()');
    if (database.kind === 'pglite' && !signal?.aborted) {
      for (const table of BUSY_TABLES) await database.pool.query(`vacuum (analyze) ${table}`);
    }
    return forgotten;
  });
}

/** Runs upkeep a minute after the start and then hourly. Returns how to end it, also in the middle of a round. */
export function startUpkeep(
  database: Database,
  { clock, log, inboxDays }: { clock: Clock; log: Logger; inboxDays: number },
): () => Promise<void> {
  const stopping = new AbortController();
  let round: Promise<void> = Promise.resolve();
  let cancel = () => {};
  const next = (ms: number) => {
    cancel = clock.after(ms, () => {
      round = upkeep(database, { inboxDays, clock, signal: stopping.signal })
        .then((forgotten) => log.debug('upkeep', { forgotten }))
        .catch((error: unknown) => log.warn('upkeep failed', { why: String(error) }))
        .then(() => {
          if (!stopping.signal.aborted) next(EVERY_MS);
        });
    });
  };
  next(FIRST_MS);
  return async () => {
    stopping.abort();
    cancel();
    await round;
  };
}
