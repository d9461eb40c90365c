// Opens the database of retrieval, Postgres by URL or PGlite embedded, through one driver, and brings its tables to this version.
import { Kysely, PostgresDialect } from 'kysely';
import type { ClientBase, PoolConfig } from 'pg';
import pg from 'pg';
import { keepLogShort } from '../../../../base/embedded-database/checkpoints.ts';
import { type EmbeddedDatabase, startEmbedded } from '../../../../base/embedded-database/embedded.ts';
import { preparedPath } from '../../../../base/embedded-database/prepared-path.ts';
import { AppError } from '../../../../base/errors.ts';
import type { Logger } from '../../../../base/logger.ts';
import { needsSomeone, sessionSettings, sqlProblem, typeParser } from '../../../../base/postgres.ts';
import { postgresCause, urlProblem } from '../../../../base/postgres-cause.ts';
import { asStoreError } from '../../../../base/sql-failure.ts';
import type { RetrievalSettings } from '../retrieval-settings.ts';
import { PassageDatabase } from './database.ts';
import { requireVector } from './extension.ts';
import { migratePassages, passageMigrationNames } from './migrate.ts';
import type { RetrievalSchema } from './schema.ts';

/** Who works in the embedded database: not its superuser, whom row-level security does not bind. */
const ROLE = 'bowline_retrieval';

/** The client gives up so much later than the server, for a network that has gone silent, and for PGlite; in milliseconds. */
const MARGIN_MS = 5_000;

/** PGlite's thread is replaced when it is busy for so long: the making of an index may take minutes. */
const STUCK_MS = 15 * 60_000;

/**
 * Throws RETRIEVAL_UNAVAILABLE when the database will not have us or lacks pgvector, HOME_LOCKED when another process has the
 * embedded one, STORE_UNAVAILABLE when nothing answers.
 */
export async function openPassageDatabase(
  folder: string,
  settings: RetrievalSettings,
  log: Logger,
): Promise<PassageDatabase> {
  const { databaseUrl } = settings;
  const trouble = (problem: string) => log.warn('the database of retrieval has trouble', { problem });
  const embedded = databaseUrl
    ? undefined
    : await startEmbedded(folder, {
        program: 'retrieval',
        holds: 'documents of collections, which can be added again,',
        prepared: { file: preparedPath('retrieval'), tables: passageMigrationNames },
        extensions: ['vector'],
        cacheBytes: settings.embeddedCacheBytes,
        onTrouble: trouble,
        stuckMs: Math.max(STUCK_MS, settings.statementTimeoutMs + 2 * MARGIN_MS),
      });
  const pool = databaseUrl ? postgresPool(databaseUrl.reveal(), settings) : embeddedPool(embedded!, settings);
  pool.on('error', (error) => trouble(sqlProblem(error)));
  // One that is lent breaks with an error of its query; unheard, its own would end the process.
  pool.on('connect', (client) => void client.on('error', () => undefined));
  const db = new Kysely<RetrievalSchema>({ dialect: new PostgresDialect({ pool }) });
  const stopCheckpoints = embedded ? keepLogShort(pool, { onTrouble: trouble }) : () => {};
  const close = async () => {
    stopCheckpoints();
    await db.destroy();
    await embedded?.close();
  };
  const database = new PassageDatabase(db, pool, { embedded: embedded !== undefined, close });
  try {
    if (embedded) await prepareEmbedded(pool);
    else await requireVector(pool);
    await migratePassages(db);
    return database;
  } catch (error) {
    await database.close();
    throw opening(error);
  }
}

function postgresPool(url: string, settings: RetrievalSettings): pg.Pool {
  mustBeUrl(url);
  const limit = settings.statementTimeoutMs;
  return makePool({
    connectionString: url,
    max: settings.maxConnections,
    connectionTimeoutMillis: settings.connectTimeoutMs,
    application_name: 'bowline-retrieval',
    keepAlive: true,
    query_timeout: limit + MARGIN_MS,
    onConnect: async (client: ClientBase) => {
      const ms = String(limit);
      const settings = { jit: 'off', statement_timeout: ms, idle_in_transaction_session_timeout: ms };
      await client.query(sessionSettings(settings));
    },
  });
}

// PGlite has one session whatever the number of connections; a new connection finds what the one before left.
function embeddedPool({ connection }: EmbeddedDatabase, settings: RetrievalSettings): pg.Pool {
  return makePool({
    ...connection,
    max: 1,
    idleTimeoutMillis: 0,
    connectionTimeoutMillis: settings.statementTimeoutMs,
    query_timeout: settings.statementTimeoutMs + MARGIN_MS,
    onConnect: async (client) => {
      await client.query('discard all');
      const { rowCount } = await client.query('select from pg_roles where rolname = $1', [ROLE]);
      if (rowCount) await client.query(`set role ${ROLE}`);
    },
  });
}

function makePool(config: PoolConfig): pg.Pool {
  return new pg.Pool({ ...config, types: { getTypeParser: typeParser } });
}

/** Without what the URL holds. */
function mustBeUrl(url: string): void {
  const problem = urlProblem(url) ?? unreadable(url);
  if (problem !== undefined) throw new AppError('RETRIEVAL_UNAVAILABLE', { problem });
}

function unreadable(url: string): string | undefined {
  try {
    new pg.Client({ connectionString: url });
    return undefined;
  } catch (error) {
    return postgresCause(error)?.text ?? 'its URL is not of the form postgres://user:password@host/name';
  }
}

async function prepareEmbedded(pool: pg.Pool): Promise<void> {
  const { rowCount } = await pool.query('select from pg_roles where rolname = $1', [ROLE]);
  if (rowCount) return;
  await pool.query('create extension if not exists vector');
  await pool.query(`create role ${ROLE} nologin`);
  await pool.query(`grant all on schema public to ${ROLE}`);
  await pool.query(`set role ${ROLE}`);
}

/** Nothing answered: it may later. The server answered and will not have us: someone must do something. */
function opening(error: unknown): AppError {
  const ofStore =
    error instanceof AppError && (error.reason === 'STORE_REFUSED' || error.reason === 'STORE_UNAVAILABLE');
  if (error instanceof AppError && !ofStore) return error;
  const cause = error instanceof AppError ? error.cause : error;
  const known = postgresCause(cause);
  if (known?.passes || (!known && !needsSomeone(cause))) return asStoreError(cause);
  const problem = known?.text ?? `${sqlProblem(cause)}; check its URL, user, password and rights`;
  return new AppError('RETRIEVAL_UNAVAILABLE', { problem }, { cause });
}
