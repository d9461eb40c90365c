// A change in a transaction of its own, or in the one that it is part of.
import type { Kysely } from 'kysely';
import { inStore } from '../../base/sql-failure.ts';
import type { Schema } from './schema.ts';

/** Runs in this transaction, or begins one. Throws what `run` throws, and what the store does. */
export const inTransaction = <T>(db: Kysely<Schema>, run: (trx: Kysely<Schema>) => Promise<T>): Promise<T> =>
  inStore(() => (db.isTransaction ? run(db) : db.transaction().execute(run)));
