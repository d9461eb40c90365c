// Brings the tables of retrieval to this version. The list is static, so that a bundle holds all of it.
import type { Kysely } from 'kysely';
import { type Migration, Migrator } from 'kysely/migration';
import { AppError } from '../../../../base/errors.ts';
import { asStoreError } from '../../../../base/sql-failure.ts';
import { firstPassages } from './migrations/0001-first.ts';
import type { RetrievalSchema } from './schema.ts';

const migrations: Record<string, Migration> = { '0001-first': firstPassages };

/** What `migratePassages` brings a database to, in order. */
export const passageMigrationNames: readonly string[] = Object.keys(migrations);

/**
 * Applies what is missing in one transaction under an advisory lock, so that workers may start together. Throws DATABASE_NEWER when
 * a newer version has been at work there, else what stands in the way.
 */
export async function migratePassages(db: Kysely<RetrievalSchema>): Promise<void> {
  const migrator = new Migrator({
    db,
    provider: { getMigrations: async () => migrations },
    migrationTableName: 'retrieval_migration',
    migrationLockTableName: 'retrieval_migration_lock',
  });
  const { error } = await migrator.migrateToLatest();
  if (!error) return;
  if (error instanceof Error && error.message.includes('corrupted migrations')) {
    throw new AppError('DATABASE_NEWER', {}, { cause: error });
  }
  throw asStoreError(error);
}
