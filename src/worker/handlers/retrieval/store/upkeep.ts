// What must follow when passages came or went: vectors that no passage has any more, and the counts of the collection. The caller holds
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
        and (select true from passage p where p.collection = e.collection and p.hash = e.hash limit 1) is null`.execute(
      trx,
    );
  }
}

/** What came or, below 0, went. */
export interface CountChange {
  readonly documents: number;
  readonly passages: number;
  readonly bytes: number;
}

/** Moves the counts of the collection. */
export async function count(
  { trx, tenant }: TenantTransaction,
  collection: number,
  change: CountChange,
): Promise<void> {
  await sql`
    update collection set documents = documents + ${change.documents}, passages = passages + ${change.passages},
      bytes = bytes + ${change.bytes}, updated_at = now()
    where tenant = ${tenant} and id = ${collection}`.execute(trx);
}
