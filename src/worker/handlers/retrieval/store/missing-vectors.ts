// Which texts of a collection are not embedded yet.
import { sql } from 'kysely';
import { findCollection } from './collections.ts';
import type { TenantTransaction } from './database.ts';

/** Those of these hashes (hex) that have no vector in the collection; all of them where it is not there. */
export async function missingVectors(
  scope: TenantTransaction,
  name: string,
  hashes: readonly string[],
): Promise<readonly string[]> {
  const collection = await findCollection(scope, name);
  if (!collection) return hashes;
  // One look by key for each, whatever the planner knows of the table.
  const { rows } = await sql<{ hash: string }>`
    select w.hash from unnest(${hashes}::text[]) with ordinality as w(hash, place)
    where (
      select true from embedding e
      where e.tenant = ${scope.tenant} and e.collection = ${collection.id} and e.hash = decode(w.hash, 'hex')) is null
    order by w.place`.execute(scope.trx);
  return rows.map((row) => row.hash);
}
