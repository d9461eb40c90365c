// Opens the database, Postgres by URL or PGlite embedded, through the one driver (pg) and gives Kysely and the pool.
// It makes no tables (migrate.ts) and sends no statements of its own. A fresh embedded one has its tables already.
import { Kysely, PostgresDialect } from 'kysely';
import type { ClientBase, PoolConfig } from 'pg';
import pg from 'pg';
import { fullJitter } from '../../base/backoff.ts';
import type { Clock } from '../../base/clock.ts';
import { sleep, systemClock } from '../../base/clock.ts';
import { keepLogShort } from '../../base/embedded-database/checkpoints.ts';
import { startEmbedded } from '../../base/embedded-database/embedded.ts';
import { preparedPath } from '../../base/embedded-database/prepared-path.ts';
import { AppError } from '../../base/errors.ts';
import { needsSomeone, sessionSettings, sqlProblem, typeParser } from '../../base/postgres.ts';
import { postgresCause, urlProblem } from '../../base/postgres-cause.ts';
import { prepareConnections } from './connection.ts';
import { migrationNames } from './migrate.ts';
import type { Schema } from './schema.ts';

export interface DatabaseOptions {
  /** Connections to Postgres; default 10. PGlite always has one. */
  readonly maxConnections?: number;
  /** How long a call waits for a connection to be open or free; default 10 s. */
  readonly connectTimeoutMs?: number;
  /** Pages that PGlite keeps in memory. */
  readonly embeddedCacheBytes?: number;
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
  /**
   * Runs on a connection of its own that no time limit cuts, again and again while the database cannot be reached. For
   * migrations, which wait for each other and may take long; what it runs must be safe to repeat.
   */
  patiently<T>(run: (db: Kysely<Schema>) => Promise<T>): Promise<T>;
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
      : await startEmbedded(where.embedded, {
          holds:
            'conversations, runs, devices, keys and what waits in the journals of edges (each is set aside when its edge joins anew)',
          prepared: { file: preparedPath('control'), tables: migrationNames },
          onTrouble: trouble,
          stuckMs: timeout + 10_000,
          ...(options.embeddedCacheBytes === undefined ? {} : { cacheBytes: options.embeddedCacheBytes }),
        });
  const common = {
    connectionTimeoutMillis: options.connectTimeoutMs ?? 10_000,
    types: { getTypeParser: typeParser },
  };
  const makePool = (config: PoolConfig) => {
    const made = new pg.Pool({ ...common, ...config });
    made.on('error', (error) => trouble(sqlProblem(error)));
    // One that is lent breaks with an error of its query, or of none at all; unheard, it would end the process.
    made.on('connect', (client) => void client.on('error', () => undefined));
    made.on('connect', prepareConnections());
    return made;
  };
  const flushes = embedded ? 1 : 2;
  const postgres = (max: number, limit: number, more = {}) => makePool(postgresPool(where, max, limit, more));
  const pool = embedded
    ? makePool({ ...embeddedPool(embedded.connection), query_timeout: timeout + MARGIN_MS })
    : postgres(options.maxConnections ?? 10, timeout);
  const commitPool = embedded ? pool : postgres(flushes, Math.min(timeout, COMMIT_LIMIT_MS), PLAN_ONCE);
  const db = new Kysely<Schema>({ dialect: new PostgresDialect({ pool }) });
  const { clock = systemClock } = options;
  const stopCheckpoints = embedded ? keepLogShort(pool, { clock, onTrouble: trouble }) : () => {};
  const patiently = async <T>(run: (db: Kysely<Schema>) => Promise<T>): Promise<T> => {
    if (embedded) return run(db);
    const own = new Kysely<Schema>({ dialect: new PostgresDialect({ pool: postgres(1, 0) }) });
    try {
      return await untilReached(() => run(own), options, CHECK);
    } finally {
      await own.destroy();
    }
  };
  const close = async () => {
    stopCheckpoints();
    await db.destroy();
    if (commitPool !== pool) await commitPool.end();
    await embedded?.close();
  };
  try {
    await untilReached(
      async () => {
        await pool.query('select 1');
        if (!embedded) await mustKeepSessions(pool, commitPool);
      },
      options,
      embedded ? undefined : CHECK,
    );
  } catch (error) {
    await close();
    throw error;
  }
  const shared = { db, pool, commitPool, flushes, patiently, close };
  return embedded
    ? { ...shared, kind: 'pglite', durability: 'process' }
    : { ...shared, kind: 'postgres', durability: 'power' };
}

/** Planned once per connection, and never to read a whole table, which may have been small when the plan was made. */
const PLAN_ONCE = { plan_cache_mode: 'force_generic_plan', enable_seqscan: 'off' };

/**
 * A commit takes milliseconds. One that hangs, e.g. on a connection whose other end is gone without a word, must be given up
 * while there is still time to send it again on another.
 */
const COMMIT_LIMIT_MS = 8_000;

/** The client gives up so much later than the server: it answers for a network that has gone silent, and for PGlite. */
const MARGIN_MS = 2_000;

/**
 * What each session is set to. By the keepalives both sides find out within half a minute that the other one's machine is gone, so
 * that no lock outlives its holder.
 */
const SESSION = {
  default_transaction_isolation: 'read committed',
  jit: 'off',
  tcp_keepalives_idle: '15',
  tcp_keepalives_interval: '5',
  tcp_keepalives_count: '3',
};

type Settings = Readonly<Record<string, string>>;

const limitsOf = (ms: number): Settings => ({
  statement_timeout: String(ms),
  idle_in_transaction_session_timeout: String(ms),
});

/** @param limit the server's time limit of a statement and of an idle transaction; 0 is none */
function postgresPool(url: string | object, max: number, limit: number, settings: Settings): PoolConfig {
  const problem = typeof url === 'string' ? (urlProblem(url) ?? unreadable(url)) : 'it has no URL';
  if (typeof url !== 'string' || problem !== undefined) {
    throw new AppError('DATABASE_UNUSABLE', { problem: problem ?? '' });
  }
  return {
    connectionString: url,
    max,
    application_name: 'bowline',
    keepAlive: true,
    keepAliveInitialDelayMillis: 15_000,
    ...(limit > 0 ? { query_timeout: limit + MARGIN_MS } : {}),
    // Not as parameters of the start, which a pooler before the server would refuse.
    onConnect: async (client: ClientBase) => {
      await client.query(sessionSettings({ ...SESSION, ...limitsOf(limit), ...settings }));
    },
  };
}

function unreadable(url: string): string | undefined {
  try {
    new pg.Client({ connectionString: url });
    return undefined;
  } catch (error) {
    return postgresCause(error)?.text ?? 'its URL is not of the form postgres://user:password@host/name';
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

/**
 * A pooler that gives the connection of one client to another between two transactions mixes what sessions hold (prepared
 * statements, settings, locks). Two clients that are both open and have one server process between them prove it.
 */
async function mustKeepSessions(...pools: [pg.Pool, pg.Pool]): Promise<void> {
  const clients: pg.PoolClient[] = [];
  try {
    try {
      for (const pool of pools) clients.push(await pool.connect());
    } catch {
      // Without two connections nothing can be told; whoever needs the second one is told why it is missing.
      return;
    }
    const pids: unknown[] = [];
    for (const client of clients) pids.push((await client.query('select pg_backend_pid() as pid')).rows[0]?.pid);
    if (pids[0] !== pids[1]) return;
    const problem =
      'a pooler before it gives one connection to several clients (PgBouncer with pool_mode transaction or statement); set pool_mode = session for this database, or name the server itself in the URL';
    throw new AppError('DATABASE_UNUSABLE', { problem });
  } finally {
    for (const client of clients) client.release();
  }
}

async function untilReached<T>(
  run: () => Promise<T>,
  { clock = systemClock, signal, onWaiting }: DatabaseOptions,
  check?: string,
): Promise<T> {
  let told: string | undefined;
  for (let attempt = 1; ; attempt++) {
    try {
      return await run();
    } catch (thrown) {
      const lost = thrown instanceof AppError && thrown.reason === 'STORE_UNAVAILABLE';
      if (thrown instanceof AppError && !lost) throw thrown;
      const error: unknown = lost ? thrown.cause : thrown;
      const cause = postgresCause(error);
      const problem = cause?.text ?? sqlProblem(error);
      if (cause && !cause.passes) throw new AppError('DATABASE_UNUSABLE', { problem }, { cause: error });
      if (!cause && hopeless(error)) {
        const more = check === undefined ? '' : `; ${check}`;
        throw new AppError('DATABASE_UNUSABLE', { problem: `${problem}${more}` }, { cause: error });
      }
      if (problem !== told) onWaiting?.(problem);
      told = problem;
      await sleep(clock, 100 + fullJitter(attempt, 200, 5000), signal);
      if (signal?.aborted) throw new AppError('CANCELED', {}, { cause: error });
    }
  }
}

/** What to do about a cause that no table knows. */
const CHECK = 'check its URL, user, password and rights';

// The server answered and will never have us, or what stands between us is set up wrong.
function hopeless(error: unknown): boolean {
  if (needsSomeone(error)) return true;
  return error instanceof Error && /^SASL|certificate|SSL/i.test(error.message) && !/timeout/i.test(error.message);
}
