// What must follow when passages went: vectors that no passage has any more, and the counts of the collection. The caller holds
// the lock of the collection's row.
import { sql } from 'kysely';
import type { TenantTransaction } from './database.ts';

/** Hashes of one statement. */
const HASHES = 5_000;

/** Removes those of these vectors that no passage of the collection has. */
export async function dropUnusedVectors(
  { trx, tenant }: TenantTransaction,
  collection: number,
  hashes: readonly Buffer[],
): Promise<void> {
  for (let at = 0; at < hashes.length; at += HASHES) {
    await sql`
      delete from embedding e
      where e.tenant = ${tenant} and e.collection = ${collection} and e.hash = any(${hashes.slice(at, at + HASHES)}::bytea[])
        and not exists (select from passage p where p.collection = e.collection and p.hash = e.hash)`.execute(trx);
  }
}

/** Sets the counts of the collection to what it holds. */
export async function recount({ trx, tenant }: TenantTransaction, collection: number): Promise<void> {
  await sql`
    update collection c set documents = d.documents, passages = d.passages, bytes = d.bytes, updated_at = now()
    from (
      select count(*) as documents, coalesce(sum(passages), 0) as passages, coalesce(sum(bytes), 0) as bytes
      from document where tenant = ${tenant} and collection = ${collection}) d
    where c.tenant = ${tenant} and c.id = ${collection}`.execute(trx);
}
