// Which texts of a collection are not embedded yet.
import { sql } from 'kysely';
import type { TenantTransaction } from './database.ts';

/** Those of these hashes (hex) that have no vector in the collection; all of them where it is not there. */
export async function missingVectors(
  { trx, tenant }: TenantTransaction,
  name: string,
  hashes: readonly string[],
): Promise<string[]> {
  const { rows } = await sql<{ hash: string }>`
    select w.hash from unnest(${hashes}::text[]) with ordinality as w(hash, place)
    where not exists (
      select from embedding e join collection c on c.id = e.collection
      where e.tenant = ${tenant} and c.tenant = ${tenant} and c.name = ${name} and e.hash = decode(w.hash, 'hex'))
    order by w.place`.execute(trx);
  return rows.map((row) => row.hash);
}
