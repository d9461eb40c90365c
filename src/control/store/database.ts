// Opens the database, Postgres by URL or PGlite embedded, through the one driver (pg) and gives Kysely and the pool.
// It makes no tables (migrate.ts) and sends no statements of its own.
import { Kysely, PostgresDialect } from 'kysely';
import type { ClientBase, PoolConfig } from 'pg';
import pg from 'pg';
import { fullJitter } from '../../base/backoff.ts';
import type { Clock } from '../../base/clock.ts';
import { sleep, systemClock } from '../../base/clock.ts';
import { AppError } from '../../base/errors.ts';
import { startEmbedded } from './embedded.ts';
import type { Schema } from './schema.ts';
import { sqlFailure, sqlProblem } from './sql-failure.ts';

export interface DatabaseOptions {
  /** Connections to Postgres; default 10. PGlite always has one. */
  readonly maxConnections?: number;
  /** How long a call waits for a connection to be open or free; default 10 s. */
  readonly connectTimeoutMs?: number;
  /** The server ends a statement after this long; default 30 s. PGlite cannot, there the client stops waiting. */
  readonly statementTimeoutMs?: number;
  /** Called once per change of the problem while the database is unreachable at start. */
  readonly onWaiting?: (problem: string) => void;
  /** Called when an open connection breaks, or the embedded database had to be started again. */
  readonly onTrouble?: (problem: string) => void;
  /** Ends the waiting; `openDatabase` then throws CANCELED. */
  readonly signal?: AbortSignal;
  readonly clock?: Clock;
}

export interface Database {
  readonly db: Kysely<Schema>;
  readonly pool: pg.Pool;
  /**
   * Connections for the commit statement alone, which is planned once per connection. (Measured: left to itself,
   * Postgres may plan it anew each time after the statistics changed, 3 ms of a 1 ms commit.) On PGlite the same as `pool`.
   */
  readonly commitPool: pg.Pool;
  readonly kind: 'postgres' | 'pglite';
  /** What an acknowledged commit survives: a power cut, or only the death of the process (PGlite never syncs). */
  readonly durability: 'power' | 'process';
  /** Commit statements that may be under way at once. */
  readonly flushes: number;
  close(): Promise<void>;
}

/**
 * Connects, waiting for as long as it takes while nothing answers. Throws DATABASE_UNUSABLE when the server answers and
 * will not have us, HOME_LOCKED when another process has the embedded folder.
 */
export async function openDatabase(
  where: string | { embedded: string },
  options: DatabaseOptions = {},
): Promise<Database> {
  const timeout = options.statementTimeoutMs ?? 30_000;
  const trouble = options.onTrouble ?? (() => {});
  const embedded =
    typeof where === 'string'
      ? undefined
      : await startEmbedded(where.embedded, { onTrouble: trouble, stuckMs: timeout + 10_000 });
  const common = {
    connectionTimeoutMillis: options.connectTimeoutMs ?? 10_000,
    // Later than the server's own limit; it answers for a network that has gone silent, and for PGlite.
    query_timeout: timeout + 5_000,
    types: { getTypeParser: parserOf },
  };
  const makePool = (config: PoolConfig) => {
    const made = new pg.Pool({ ...common, ...config });
    made.on('error', (error) => trouble(sqlProblem(error)));
    return made;
  };
  const pool = makePool(
    embedded ? embeddedPool(embedded.connection) : postgresPool(where, timeout, options.maxConnections ?? 10, ''),
  );
  const flushes = embedded ? 1 : 2;
  const commitPool = embedded ? pool : makePool(postgresPool(where, timeout, flushes, PLAN_ONCE));
  const db = new Kysely<Schema>({ dialect: new PostgresDialect({ pool }) });
  const close = async () => {
    await db.destroy();
    if (commitPool !== pool) await commitPool.end();
    await embedded?.close();
  };
  try {
    await answer(pool, options);
  } catch (error) {
    await close();
    throw error;
  }
  const shared = { db, pool, commitPool, flushes, close };
  return embedded
    ? { ...shared, kind: 'pglite', durability: 'process' }
    : { ...shared, kind: 'postgres', durability: 'power' };
}

const PLAN_ONCE = ' -c plan_cache_mode=force_generic_plan';

function postgresPool(url: string | object, timeout: number, max: number, settings: string): PoolConfig {
  if (typeof url !== 'string' || !/^(postgres|postgresql|socket):/.test(url) || !readable(url)) {
    throw new AppError('DATABASE_UNUSABLE', {
      problem: 'its URL is not of the form postgres://user:password@host/name',
    });
  }
  return {
    connectionString: url,
    max,
    application_name: 'bowline',
    keepAlive: true,
    statement_timeout: timeout,
    idle_in_transaction_session_timeout: timeout,
    options: `-c default_transaction_isolation=read\\ committed -c jit=off${settings}`,
  };
}

function readable(url: string): boolean {
  try {
    return Boolean(new pg.Client({ connectionString: url }));
  } catch {
    return false;
  }
}

// PGlite has one session whatever the number of connections: two would mix their statements, and a new connection finds
// the prepared statements and locks of the one before.
function embeddedPool(connection: { host: string; database: string; user: string }): PoolConfig {
  const onConnect = async (client: ClientBase) => {
    await client.query('discard all');
    await client.query('set plan_cache_mode = force_generic_plan');
  };
  return { ...connection, max: 1, idleTimeoutMillis: 0, onConnect };
}

// bigint as number: all of ours (versions, epochs, milliseconds, micros) stay far below 2^53.
function parserOf(oid: number, format?: 'text' | 'binary'): (value: string) => unknown {
  if (oid === pg.types.builtins.INT8 && format !== 'binary') return Number;
  return pg.types.getTypeParser(oid, format as 'text') as (value: string) => unknown;
}

async function answer(pool: pg.Pool, { clock = systemClock, signal, onWaiting }: DatabaseOptions): Promise<void> {
  let told: string | undefined;
  for (let attempt = 1; ; attempt++) {
    try {
      await pool.query('select 1');
      return;
    } catch (error) {
      const problem = sqlProblem(error);
      if (hopeless(error)) throw new AppError('DATABASE_UNUSABLE', { problem }, { cause: error });
      if (problem !== told) onWaiting?.(problem);
      told = problem;
      await sleep(clock, 100 + fullJitter(attempt, 200, 5000), signal);
      if (signal?.aborted) throw new AppError('CANCELED', {}, { cause: error });
    }
  }
}

// The server answered and will never have us, or what stands between us is set up wrong.
function hopeless(error: unknown): boolean {
  if (sqlFailure(error) === 'refused') return true;
  return error instanceof Error && /^SASL|certificate|SSL/i.test(error.message) && !/timeout/i.test(error.message);
}
