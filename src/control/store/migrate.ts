// Brings the database's tables to this version. The lists are static, so that a bundle holds them all. Two kinds: what only adds, and with
// which every build works that does not know it, is an expansion, recorded in a table of its own where such builds do not look;
// anything else is a migration, and a build that does not know one of those refuses the database.

import { type Kysely, sql } from 'kysely';
import type { Migration } from 'kysely/migration';
import { Migrator } from 'kysely/migration';
import { causeText } from '../../base/cause-text.ts';
import { AppError } from '../../base/errors.ts';
import { needsSomeone } from '../../base/postgres.ts';
import { postgresCause } from '../../base/postgres-cause.ts';
import { storeError } from '../../base/sql-failure.ts';
import { first } from './migrations/0001-first.ts';
import { replicas } from './migrations/0002-replicas.ts';
import { holder } from './migrations/0003-holder.ts';
import { hotTables } from './migrations/0004-hot-tables.ts';
import { plugins } from './migrations/0005-plugins.ts';
import { sessionStarts } from './migrations/0006-session-starts.ts';
import { setAside } from './migrations/0007-set-aside.ts';
import { leftOut } from './migrations/0008-left-out.ts';
import { historyBeat } from './migrations/0009-history-beat.ts';
import { keys } from './migrations/0010-keys.ts';
import { runModel } from './migrations/0011-run-model.ts';
import { removedDevices } from './migrations/0012-removed-devices.ts';
import { commitFunction } from './migrations/0013-commit-function.ts';
import { ownerNotes } from './migrations/0014-owner-notes.ts';
import { usageColumns } from './migrations/0015-usage-columns.ts';
import { budgets } from './migrations/0016-budgets.ts';
import { blobs } from './migrations/0017-blobs.ts';
import { fairLines } from './migrations/0018-fair-lines.ts';
import { retention } from './migrations/0019-retention.ts';
import { snapshots } from './migrations/0020-snapshots.ts';
import { deadJobs } from './migrations/0021-dead-jobs.ts';
import { knownPrices } from './migrations/0022-known-prices.ts';
import { archive } from './migrations/0023-archive.ts';
import type { Schema } from './schema.ts';

/** They come before the expansions: one that takes away what an expansion made says `if exists`. */
const migrations: Record<string, Migration> = {
  '0001-first': first,
  '0002-replicas': replicas,
  '0003-holder': holder,
  '0004-hot-tables': hotTables,
  '0005-plugins': plugins,
};

/** Only nullable or defaulted columns, new tables, new indexes: an older build reads and writes as before. */
const expansions: Record<string, Pick<Migration, 'up'>> = {
  '0006-session-starts': sessionStarts,
  '0007-set-aside': setAside,
  '0008-left-out': leftOut,
  '0009-history-beat': historyBeat,
  '0010-keys': keys,
  '0011-run-model': runModel,
  '0012-removed-devices': removedDevices,
  '0013-commit-function': commitFunction,
  '0014-owner-notes': ownerNotes,
  '0015-usage-columns': usageColumns,
  '0016-budgets': budgets,
  '0017-blobs': blobs,
  '0018-fair-lines': fairLines,
  '0019-retention': retention,
  '0020-snapshots': snapshots,
  '0021-dead-jobs': deadJobs,
  '0022-known-prices': knownPrices,
  '0023-archive': archive,
};

/** What `migrate` brings a database to, in order. */
export const migrationNames: readonly string[] = [...Object.keys(migrations), ...Object.keys(expansions)];

/** Of the lock under which expansions are made; any number that nobody else takes. */
const EXPANSION_LOCK = 7_420_000_006;

/**
 * Applies what is missing, in order, in one transaction under an advisory lock, so that replicas may start together.
 * Returns the names applied. Run it by `Database.patiently` where tables may be large. Throws DATABASE_NEWER when a newer
 * version has been at work there, STORE_UNAVAILABLE when the database went away meanwhile (then nothing was changed).
 */
export async function migrate(db: Kysely<Schema>): Promise<string[]> {
  if (await isLatest(db)) return [];
  const migrator = new Migrator({ db, provider: { getMigrations: async () => migrations } });
  const { error, results } = await migrator.migrateToLatest();
  if (!error) return [...(results ?? []).map((result) => result.migrationName), ...(await expand(db))];
  const message = causeText(error);
  if (message.includes('corrupted migrations')) throw new AppError('DATABASE_NEWER', {}, { cause: error });
  if (!needsSomeone(error)) throw storeError(error);
  throw new AppError('DATABASE_UNUSABLE', { problem: postgresCause(error)?.text ?? message }, { cause: error });
}

/** Whether nothing is to be done, by one statement. Kysely would look at all tables first: a tenth of a second of each embedded start. */
async function isLatest(db: Kysely<Schema>): Promise<boolean> {
  try {
    const { rows } = await sql<{ made: string | null; expanded: string | null }>`
      select (select string_agg(name, ' ' order by name) from kysely_migration) as made,
        (select string_agg(name, ' ') from expansion) as expanded`.execute(db);
    const expanded = new Set(rows[0]?.expanded?.split(' '));
    const expands = Object.keys(expansions).every((name) => expanded.has(name));
    return expands && rows[0]?.made === Object.keys(migrations).join(' ');
  } catch {
    // A new database, one that is away, one of somebody else: what follows says it.
    return false;
  }
}

/** Makes the expansions that are missing; those that only a newer build knows are left alone. */
async function expand(db: Kysely<Schema>): Promise<string[]> {
  try {
    return await db.transaction().execute(async (trx) => {
      await sql`select pg_advisory_xact_lock(${EXPANSION_LOCK}::bigint)`.execute(trx);
      await sql`create table if not exists expansion (name text primary key, at timestamptz(3) not null default now())`.execute(
        trx,
      );
      const { rows } = await sql<{ name: string }>`select name from expansion`.execute(trx);
      const done = new Set(rows.map(({ name }) => name));
      const missing = Object.entries(expansions).filter(([name]) => !done.has(name));
      for (const [name, { up }] of missing) {
        await up(trx);
        await sql`insert into expansion (name) values (${name})`.execute(trx);
      }
      return missing.map(([name]) => name);
    });
  } catch (error) {
    if (!needsSomeone(error)) throw storeError(error);
    const problem = causeText(error);
    throw new AppError('DATABASE_UNUSABLE', { problem }, { cause: error });
  }
}
