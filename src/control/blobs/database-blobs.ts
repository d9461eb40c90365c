// Blobs as rows of the database. The default: nothing else must be run, and a backup of the database holds them.
import type { Kysely, Transaction } from 'kysely';
import { sql } from 'kysely';
import { guarded } from '../store/guarded.ts';
import type { Schema } from '../store/schema.ts';
import type { BlobBackend, BlobName } from './blob-store.ts';

export function databaseBlobs(db: Kysely<Schema>): BlobBackend {
  const at = ({ tenant, sha256 }: BlobName, within: Kysely<Schema> | Transaction<Schema> = db) =>
    within.selectFrom('blob_data').where('tenant', '=', tenant).where('sha256', '=', sha256);
  const methods = guarded<Omit<BlobBackend, 'kind'>>({
    async write({ tenant, sha256 }, data) {
      const row = { tenant, sha256, data };
      await db
        .insertInto('blob_data')
        .values(row)
        .onConflict((conflict) => conflict.columns(['tenant', 'sha256']).doUpdateSet({ data }))
        .execute();
    },
    async read(name) {
      return (await at(name).select('data').executeTakeFirst())?.data;
    },
    async size(name) {
      return (await at(name).select(sql<number>`length(data)`.as('size')).executeTakeFirst())?.size;
    },
    async remove({ tenant, sha256 }, trx) {
      await (trx ?? db).deleteFrom('blob_data').where('tenant', '=', tenant).where('sha256', '=', sha256).execute();
    },
  });
  return { kind: 'database', ...methods };
}
