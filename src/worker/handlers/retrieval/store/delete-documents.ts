// Takes documents out of a collection, or removes it with all that it holds.

import { sql } from 'kysely';
import { normalForm } from '../../../../base/normal-form.ts';
import type { TenantTransaction } from './database.ts';
import { dropShadow } from './shadow.ts';
import { count, dropUnusedVectors } from './upkeep.ts';

/** What goes. */
export type Doomed =
  | { readonly kind: 'documents'; readonly ids: readonly string[] }
  | { readonly kind: 'prefix'; readonly prefix: string }
  | { readonly kind: 'everything' };

export interface Deleted {
  readonly documents: number;
  /** Their ids, unless all went with their collection. */
  readonly ids: readonly string[];
  /** The collection, when it went too. */
  readonly collection?: number;
}

/** Nothing goes where nothing is: a repeated call is no error. */
export async function deleteDocuments(scope: TenantTransaction, name: string, doomed: Doomed): Promise<Deleted> {
  const { trx, tenant } = scope;
  const collection = await trx
    .selectFrom('collection')
    .select(['id', 'documents'])
    .where('tenant', '=', tenant)
    .where('name', '=', name)
    .forUpdate()
    .executeTakeFirst();
  if (!collection) return { documents: 0, ids: [] };
  if (doomed.kind === 'everything') {
    await dropShadow(scope, name);
    await trx.deleteFrom('collection').where('tenant', '=', tenant).where('id', '=', collection.id).execute();
    return { documents: collection.documents, ids: [], collection: collection.id };
  }
  const which =
    doomed.kind === 'prefix'
      ? sql`starts_with(normalize(d.id), ${normalForm(doomed.prefix, 'NFC')})`
      : sql`d.id = any(${doomed.ids}::text[])`;
  const { rows } = await sql<{ hash: Buffer }>`
    delete from passage p where p.tenant = ${tenant} and p.document = any(array(
      select d.key from document d where d.tenant = ${tenant} and d.collection = ${collection.id} and ${which}))
    returning p.hash`.execute(trx);
  const { rows: gone } = await sql<{ bytes: number; id: string }>`
    delete from document d where d.tenant = ${tenant} and d.collection = ${collection.id} and ${which}
    returning d.bytes, d.id`.execute(trx);
  await dropUnusedVectors(
    scope,
    collection.id,
    rows.map((row) => row.hash),
  );
  await count(scope, collection.id, {
    documents: -gone.length,
    passages: -rows.length,
    bytes: -gone.reduce((sum, { bytes }) => sum + bytes, 0),
  });
  return { documents: gone.length, ids: gone.map(({ id }) => id) };
}
