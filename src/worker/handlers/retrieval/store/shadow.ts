// The vectors of another model that are being made for a collection: a collection of its own without documents, whose name no
// request can have. When none is missing, they take the place of the old ones in one transaction.
import { sql } from 'kysely';
import type { CollectionRow } from './collections.ts';
import { findCollection } from './collections.ts';
import type { TenantTransaction } from './database.ts';
import type { CollectionModel } from './put-document.ts';

/** What names of shadows begin with; no name of a collection does. */
const SHADOW = '~';

const shadowOf = (name: string): string => `${SHADOW}${name}`;

/** A text whose vector is missing. */
export interface MissingText {
  /** In hex. */
  readonly hash: string;
  readonly title: string;
  readonly headings: readonly string[];
  readonly text: string;
}

export interface Missing {
  readonly total: number;
  readonly missing: number;
  /** The first of them. */
  readonly texts: readonly MissingText[];
}

/** Which vectors of the collection its shadow has not. */
export async function missingOf(scope: TenantTransaction, row: CollectionRow, most: number): Promise<Missing> {
  const { trx, tenant } = scope;
  const shadow = (await findCollection(scope, shadowOf(row.name)))?.id ?? -1;
  const counted = await sql<{ total: number; made: number }>`
    select count(*)::int as total, count(s.hash)::int as made
    from embedding e left join embedding s on s.collection = ${shadow} and s.hash = e.hash
    where e.tenant = ${tenant} and e.collection = ${row.id}`.execute(trx);
  const { rows } = await sql<MissingText>`
    select encode(e.hash, 'hex') as hash, p.title, p.headings, p.text
    from embedding e
    cross join lateral (
      select d.title, p.headings, p.text from passage p join document d on d.key = p.document and d.tenant = ${tenant}
      where p.collection = ${row.id} and p.hash = e.hash and p.tenant = ${tenant}
      order by p.id limit 1) p
    where e.tenant = ${tenant} and e.collection = ${row.id}
      and not exists (select from embedding s where s.collection = ${shadow} and s.hash = e.hash)
    order by e.hash limit ${most}`.execute(trx);
  const { total = 0, made = 0 } = counted.rows[0] ?? {};
  return { total, missing: total - made, texts: rows };
}

/** Puts vectors into the shadow, which is made when it is not there, and made anew when it has those of a third model. */
export async function putShadow(
  scope: TenantTransaction,
  name: string,
  { model, modelId, dimension, lexical }: CollectionModel,
  hashes: readonly string[],
  vectors: readonly string[],
): Promise<void> {
  const { trx, tenant } = scope;
  const shadow = shadowOf(name);
  const known = await findCollection(scope, shadow);
  if (known && (known.model_id !== modelId || known.dimension !== dimension)) await dropShadow(scope, name);
  await trx
    .insertInto('collection')
    .values({ tenant, name: shadow, model, model_id: modelId, dimension, lexical })
    .onConflict((conflict) => conflict.columns(['tenant', 'name']).doUpdateSet({ model }))
    .execute();
  const row = (await findCollection(scope, shadow))!;
  await sql`
    insert into embedding (tenant, collection, hash, embedding)
    select ${tenant}, ${row.id}, decode(v.hash, 'hex'), v.vector::vector
    from unnest(${hashes}::text[], ${vectors}::text[]) as v(hash, vector)
    on conflict do nothing`.execute(trx);
}

/** The vectors of the shadow take the place of the collection's. The caller holds its row, and it has no index. */
export async function swapShadow(scope: TenantTransaction, row: CollectionRow): Promise<void> {
  const { trx, tenant } = scope;
  const shadow = (await findCollection(scope, shadowOf(row.name)))!;
  const { model, model_id, dimension, lexical } = shadow;
  await sql`
    delete from embedding s where s.tenant = ${tenant} and s.collection = ${shadow.id}
      and not exists (select from embedding e where e.collection = ${row.id} and e.hash = s.hash)`.execute(trx);
  await sql`delete from embedding where tenant = ${tenant} and collection = ${row.id}`.execute(trx);
  await sql`update embedding set collection = ${row.id} where tenant = ${tenant} and collection = ${shadow.id}`.execute(
    trx,
  );
  await dropShadow(scope, row.name);
  await trx
    .updateTable('collection')
    .set({ model, model_id, dimension, lexical })
    .where('tenant', '=', tenant)
    .where('id', '=', row.id)
    .execute();
}

export async function dropShadow({ trx, tenant }: TenantTransaction, name: string): Promise<void> {
  await trx.deleteFrom('collection').where('tenant', '=', tenant).where('name', '=', shadowOf(name)).execute();
}

/** The row of the collection, held until the end of the transaction. */
export function holdCollection({ trx, tenant }: TenantTransaction, name: string): Promise<CollectionRow | undefined> {
  return trx
    .selectFrom('collection')
    .selectAll()
    .where('tenant', '=', tenant)
    .where('name', '=', name)
    .forUpdate()
    .executeTakeFirst();
}
