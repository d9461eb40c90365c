// Reads collections and the list of their documents. Every statement names the tenant.

import type { Selectable } from 'kysely';
import { AppError } from '../../../../base/errors.ts';
import { normalForm } from '../../../../base/normal-form.ts';
import { type ListPage, pageOfRows } from '../../../../contract/paging.ts';
import type { TenantTransaction } from './database.ts';
import type { RetrievalSchema } from './schema.ts';

export type CollectionRow = Selectable<RetrievalSchema['collection']>;
export type DocumentRow = Selectable<RetrievalSchema['document']>;

export function findCollection({ trx, tenant }: TenantTransaction, name: string): Promise<CollectionRow | undefined> {
  return trx
    .selectFrom('collection')
    .selectAll()
    .where('tenant', '=', tenant)
    .where('name', '=', name)
    .executeTakeFirst();
}

/** Throws COLLECTION_UNKNOWN, the same for one that another tenant has. */
export async function getCollection(scope: TenantTransaction, name: string): Promise<CollectionRow> {
  const row = await findCollection(scope, name);
  if (!row) throw new AppError('COLLECTION_UNKNOWN', { collection: name });
  return row;
}

/** By name, from behind `after`; without those that are only being made (see `shadow.ts`). */
export async function listCollections(
  { trx, tenant }: TenantTransaction,
  size: number,
  after?: string,
): Promise<ListPage<CollectionRow>> {
  let query = trx.selectFrom('collection').selectAll().where('tenant', '=', tenant).where('name', 'not like', '~%');
  if (after !== undefined) query = query.where('name', '>', after);
  const rows = await query
    .orderBy('name')
    .limit(size + 1)
    .execute();
  return pageOfRows(
    rows,
    size,
    (row) => row.name,
    (row) => row,
  );
}

/** By id, from behind `after`; only those whose id begins with `prefix`. */
export async function listDocuments(
  { trx, tenant }: TenantTransaction,
  collection: number,
  prefix: string,
  size: number,
  after?: string,
): Promise<ListPage<DocumentRow>> {
  let query = trx
    .selectFrom('document')
    .selectAll()
    .where('tenant', '=', tenant)
    .where('collection', '=', collection)
    .where((eb) => eb.fn<boolean>('starts_with', [eb.fn('normalize', ['id']), eb.val(normalForm(prefix, 'NFC'))]));
  if (after !== undefined) query = query.where('id', '>', after);
  const rows = await query
    .orderBy('id')
    .limit(size + 1)
    .execute();
  return pageOfRows(
    rows,
    size,
    (row) => row.id,
    (row) => row,
  );
}

/** Those of these documents that are there, by id. */
export async function findDocuments(
  { trx, tenant }: TenantTransaction,
  collection: number,
  ids: readonly string[],
): Promise<ReadonlyMap<string, Pick<DocumentRow, 'fingerprint' | 'passages' | 'grant_id'>>> {
  const rows = await trx
    .selectFrom('document')
    .select(['id', 'fingerprint', 'passages', 'grant_id'])
    .where('tenant', '=', tenant)
    .where('collection', '=', collection)
    .where('id', 'in', ids)
    .execute();
  return new Map(rows.map((row) => [row.id, row]));
}
