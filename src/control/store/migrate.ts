// Brings the database's tables to this version. The list of migrations is static, so that a bundle holds them all.
import type { Kysely } from 'kysely';
import type { Migration } from 'kysely/migration';
import { Migrator } from 'kysely/migration';
import { AppError } from '../../base/errors.ts';
import { needsSomeone } from '../../base/postgres.ts';
import { postgresCause } from '../../base/postgres-cause.ts';
import { first } from './migrations/0001-first.ts';
import { replicas } from './migrations/0002-replicas.ts';
import { holder } from './migrations/0003-holder.ts';
import { hotTables } from './migrations/0004-hot-tables.ts';
import { plugins } from './migrations/0005-plugins.ts';
import { sessionStarts } from './migrations/0006-session-starts.ts';
import { setAside } from './migrations/0007-set-aside.ts';
import type { Schema } from './schema.ts';
import { storeError } from './sql-failure.ts';

const migrations: Record<string, Migration> = {
  '0001-first': first,
  '0002-replicas': replicas,
  '0003-holder': holder,
  '0004-hot-tables': hotTables,
  '0005-plugins': plugins,
  '0006-session-starts': sessionStarts,
  '0007-set-aside': setAside,
};

/**
 * Applies what is missing, in order, in one transaction under an advisory lock, so that replicas may start together.
 * Returns the names applied. Run it by `Database.patiently` where tables may be large. Throws DATABASE_NEWER when a newer
 * version has been at work there, STORE_UNAVAILABLE when the database went away meanwhile (then nothing was changed).
 */
export async function migrate(db: Kysely<Schema>): Promise<string[]> {
  const migrator = new Migrator({ db, provider: { getMigrations: async () => migrations } });
  const { error, results } = await migrator.migrateToLatest();
  if (!error) return (results ?? []).map((result) => result.migrationName);
  const message = error instanceof Error ? error.message : String(error);
  if (message.includes('corrupted migrations')) throw new AppError('DATABASE_NEWER', {}, { cause: error });
  if (!needsSomeone(error)) throw storeError(error);
  throw new AppError('DATABASE_UNUSABLE', { problem: postgresCause(error)?.text ?? message }, { cause: error });
}
