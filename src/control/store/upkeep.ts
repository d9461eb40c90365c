// Keeps the tables from growing without a bound: removes what is over and was kept long enough, and vacuums PGlite, where nobody else does.
// What bounds each table stands in docs/operations.md.
import { type Clock, sleep, systemClock } from '../../base/clock.ts';
import type { Logger } from '../../base/logger.ts';
import { inStore } from '../../base/sql-failure.ts';
import type { Database } from './database.ts';
import { TIDY_LEASES_SQL } from './leases.ts';
import { removing } from './retention/batches.ts';
import { type Archive, type KeepRuns, removeEndedRuns, removeIdleConversations } from './retention/ended-runs.ts';
import { type KeepRows, removeOldRows, tenantsOf } from './retention/old-rows.ts';

/** Tables whose rows are updated or removed all the time. */
const BUSY_TABLES = [
  'streams',
  'events',
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

/** Dead jobs whose run is gone, and those that somebody dealt with long ago. */
const TIDY_DEAD_JOBS_SQL = `delete from dead_job d where not exists (select from run r where r.tenant = d.tenant and r.id = d.run)
  or (handled is not null and at < now() - interval '30 days')`;

/** As long as they are looked at. */
const TIDY_PRICES_SQL = "delete from known_prices where at < now() - interval '7 days'";

const FIRST_MS = 60_000;
const MOST_EVERY_MS = 3_600_000;
const LEAST_EVERY_MS = 5_000;

/** How long what is over is kept, in milliseconds; infinity is for ever. */
export type Keep = KeepRuns & KeepRows;

export interface UpkeepOptions {
  /** Rows that go with one statement; default 5,000, on PGlite 1,000. */
  readonly batch?: number;
  /** Where ended runs go before they are removed; by default nowhere. */
  readonly archive?: Archive | undefined;
  /** Collects what lies outside of these tables; returns how much went. */
  readonly collect?: (signal: AbortSignal | undefined) => Promise<number>;
  /** Ends it after the statement under way. */
  readonly signal?: AbortSignal;
  readonly clock?: Clock;
}

/** What one round removed. */
export interface Removed {
  readonly commands: number;
  readonly runs: number;
  readonly conversations: number;
  /** There is more to be removed; the next round should not wait. */
  readonly cut: boolean;
}

/** One round of upkeep. Any number of replicas may try at once: one of them does it, and the others removed nothing. */
export async function upkeep(database: Database, keep: Keep, options: UpkeepOptions = {}): Promise<Removed> {
  const { batch: most, signal, clock = systemClock } = options;
  return inStore(async () => {
    const removed = await removing(database, { clock, signal, most }, async (batches) => {
      const commands = await removeOldRows(batches, keep);
      const runs = await removeEndedRuns(batches, keep, await tenantsOf(batches, 'run'), options.archive);
      const conversations = await removeIdleConversations(batches, keep.conversationsMs);
      return { runs, conversations, commands, cut: batches.cut };
    });
    await database.pool.query(TIDY_LEASES_SQL);
    await database.pool.query(TIDY_DEAD_JOBS_SQL);
    await database.pool.query(TIDY_PRICES_SQL);
    if (!signal?.aborted) await options.collect?.(signal);
    if (database.kind === 'pglite' && !signal?.aborted) {
      for (const table of BUSY_TABLES) await database.pool.query(`vacuum (analyze) ${table}`);
    }
    return removed ?? { runs: 0, conversations: 0, commands: 0, cut: false };
  });
}

/** Between two rounds: often enough that little is kept for much longer than it should be. */
const everyMs = (keep: Keep): number =>
  Math.max(Math.min(...Object.values(keep).map((ms) => ms / 20), MOST_EVERY_MS), LEAST_EVERY_MS);

/** Runs upkeep a minute after the start and then again and again. Returns how to end it, also in the middle of a round. */
export function startUpkeep(
  database: Database,
  {
    clock,
    log,
    keep,
    ...options
  }: { clock: Clock; log: Logger; keep: Keep } & Pick<UpkeepOptions, 'collect' | 'archive'>,
): () => Promise<void> {
  const stopping = new AbortController();
  const every = everyMs(keep);
  const turns = async () => {
    await sleep(clock, Math.min(FIRST_MS, every), stopping.signal);
    while (!stopping.signal.aborted) {
      let rest = every;
      try {
        const removed = await upkeep(database, keep, { ...options, clock, signal: stopping.signal });
        log.debug('upkeep', { ...removed });
        if (removed.cut) rest = 0;
      } catch (error) {
        log.warn('upkeep failed', { why: String(error) });
      }
      await sleep(clock, rest, stopping.signal);
    }
  };
  const round = turns();
  return async () => {
    stopping.abort();
    await round;
  };
}
