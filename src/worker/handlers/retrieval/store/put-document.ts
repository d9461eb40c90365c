// Puts one document into its collection, whole or not at all, under the lock of the collection's row: whoever comes at the same
// time waits, and the last one stays.
import { sql } from 'kysely';
import { AppError } from '../../../../base/errors.ts';
import { overLimit } from '../over-limit.ts';
import type { CutPassage } from '../passages/passage.ts';
import type { RetrievalSettings } from '../retrieval-settings.ts';
import type { CollectionRow } from './collections.ts';
import type { TenantTransaction } from './database.ts';
import { count, dropUnusedVectors } from './upkeep.ts';

/** The model of vectors of a collection. */
export interface CollectionModel {
  /** As it was asked for. */
  readonly model: string;
  /** As the embed worker names it. */
  readonly modelId: string;
  readonly dimension: number;
  readonly lexical: boolean;
}

export interface NewDocument {
  readonly id: string;
  readonly title: string;
  readonly mediaType: string;
  readonly bytes: number;
  readonly sha256: Uint8Array;
  readonly fingerprint: Uint8Array;
  readonly grant: string;
  readonly metadata: Readonly<Record<string, string>>;
  readonly passages: readonly CutPassage[];
}

export type Put =
  | { readonly kind: 'added' | 'replaced' | 'unchanged'; readonly collection: CollectionRow }
  /** Vectors that were there a moment ago are gone: embed them too. Nothing was changed. */
  | { readonly kind: 'missing'; readonly hashes: readonly string[] };

/** Rows of one statement. */
const VECTORS = 200;
const PASSAGES = 200;

export type PutLimits = Pick<
  RetrievalSettings,
  'tenantCollections' | 'collectionDocuments' | 'collectionPassages' | 'collectionBytes'
>;

/**
 * `vectors` holds those that are new, by hash. Throws COLLECTION_OTHER_MODEL and LIMIT_EXCEEDED.
 */
export async function putDocument(
  scope: TenantTransaction,
  name: string,
  model: CollectionModel,
  document: NewDocument,
  vectors: ReadonlyMap<string, string>,
  limits: PutLimits,
): Promise<Put> {
  const { trx, tenant } = scope;
  const collection = await lockCollection(scope, name, model, limits);
  const old = await trx
    .selectFrom('document')
    .select(['key', 'fingerprint', 'passages', 'bytes'])
    .where('tenant', '=', tenant)
    .where('collection', '=', collection.id)
    .where('id', '=', document.id)
    .executeTakeFirst();
  if (old?.fingerprint.equals(document.fingerprint)) {
    await nameGrants(scope, collection.id, [document]);
    return { kind: 'unchanged', collection };
  }
  mustFit(collection, document, old, limits);
  const missing = await addVectors(scope, collection.id, document, vectors);
  if (missing.length > 0) return { kind: 'missing', hashes: missing };
  const before = old ? await removePassages(scope, old.key) : [];
  const key = await upsert(scope, collection.id, document);
  for (let at = 0; at < document.passages.length; at += PASSAGES) {
    await addPassages(scope, collection.id, key, document.passages.slice(at, at + PASSAGES), at);
  }
  await dropUnusedVectors(scope, collection.id, before);
  await count(scope, collection.id, {
    documents: old ? 0 : 1,
    passages: document.passages.length - (old?.passages ?? 0),
    bytes: document.bytes - (old?.bytes ?? 0),
  });
  return { kind: old ? 'replaced' : 'added', collection };
}

/** Writes down the grant under which these came last; nothing else of them changes. */
export async function nameGrants(
  { trx, tenant }: TenantTransaction,
  collection: number,
  documents: readonly { readonly id: string; readonly grant: string }[],
): Promise<void> {
  const [ids, grants] = [documents.map(({ id }) => id), documents.map(({ grant }) => grant)];
  await sql`
    update document set grant_id = now.grant_id
    from unnest(${ids}::text[], ${grants}::text[]) as now(id, grant_id)
    where document.tenant = ${tenant} and document.collection = ${collection} and document.id = now.id
      and document.grant_id <> now.grant_id`.execute(trx);
}

async function lockCollection(
  { trx, tenant }: TenantTransaction,
  name: string,
  { model, modelId, dimension, lexical }: CollectionModel,
  limits: PutLimits,
): Promise<CollectionRow> {
  const made = await trx
    .insertInto('collection')
    .values({ tenant, name, model, model_id: modelId, dimension, lexical })
    .onConflict((conflict) => conflict.columns(['tenant', 'name']).doNothing())
    .executeTakeFirst();
  if (made.numInsertedOrUpdatedRows) {
    const { there } = await trx
      .selectFrom('collection')
      .select((eb) => eb.fn.countAll<number>().as('there'))
      .where('tenant', '=', tenant)
      .where('name', 'not like', '~%')
      .executeTakeFirstOrThrow();
    if (there > limits.tenantCollections) {
      throw overLimit('the tenant', `${limits.tenantCollections} collections`, 'BOWLINE_RETRIEVAL_TENANT_COLLECTIONS');
    }
  }
  const row = await trx
    .selectFrom('collection')
    .selectAll()
    .where('tenant', '=', tenant)
    .where('name', '=', name)
    .forUpdate()
    .executeTakeFirst();
  if (!row) throw new AppError('STORE_UNAVAILABLE', { problem: 'the collection was removed at the same moment' });
  if (row.model_id !== modelId || row.dimension !== dimension) throw otherModel(name, row.model_id, modelId);
  return row;
}

export const otherModel = (collection: string, has: string, wanted: string): AppError =>
  new AppError('COLLECTION_OTHER_MODEL', { collection, has, wanted });

function mustFit(
  collection: CollectionRow,
  document: NewDocument,
  old: { passages: number; bytes: number } | undefined,
  limits: PutLimits,
): void {
  const what = 'the collection';
  if (!old && collection.documents >= limits.collectionDocuments) {
    throw overLimit(what, `${limits.collectionDocuments} documents`, 'BOWLINE_RETRIEVAL_COLLECTION_DOCUMENTS');
  }
  if (collection.passages - (old?.passages ?? 0) + document.passages.length > limits.collectionPassages) {
    throw overLimit(what, `${limits.collectionPassages} passages`, 'BOWLINE_RETRIEVAL_COLLECTION_PASSAGES');
  }
  if (collection.bytes - (old?.bytes ?? 0) + document.bytes > limits.collectionBytes) {
    throw overLimit(what, `${limits.collectionBytes} bytes of text`, 'BOWLINE_RETRIEVAL_COLLECTION_BYTES');
  }
}

async function addVectors(
  { trx, tenant }: TenantTransaction,
  collection: number,
  document: NewDocument,
  vectors: ReadonlyMap<string, string>,
): Promise<string[]> {
  // In one order, whoever does it.
  const wanted = [...new Set(document.passages.map((passage) => passage.hash))].sort();
  const fresh = wanted.filter((hash) => vectors.has(hash));
  for (let at = 0; at < fresh.length; at += VECTORS) {
    const some = fresh.slice(at, at + VECTORS);
    await sql`
      insert into embedding (tenant, collection, hash, embedding)
      select ${tenant}, ${collection}, decode(v.hash, 'hex'), v.vector::vector
      from unnest(${some}::text[], ${some.map((hash) => vectors.get(hash))}::text[]) as v(hash, vector)
      on conflict do nothing`.execute(trx);
  }
  const { rows } = await sql<{ hash: string }>`
    select w.hash from unnest(${wanted}::text[]) as w(hash)
    where (
      select true from embedding e
      where e.tenant = ${tenant} and e.collection = ${collection} and e.hash = decode(w.hash, 'hex')) is null`.execute(
    trx,
  );
  return rows.map((row) => row.hash);
}

async function removePassages({ trx, tenant }: TenantTransaction, document: number): Promise<Buffer[]> {
  const rows = await trx
    .deleteFrom('passage')
    .where('tenant', '=', tenant)
    .where('document', '=', document)
    .returning('hash')
    .execute();
  return rows.map((row) => row.hash);
}

async function upsert({ trx, tenant }: TenantTransaction, collection: number, document: NewDocument): Promise<number> {
  const { id, title, mediaType, bytes, sha256, fingerprint, grant, metadata, passages } = document;
  const { rows } = await sql<{ key: number }>`
    insert into document (tenant, collection, id, title, media_type, bytes, passages, sha256, fingerprint, grant_id, metadata)
    values (${tenant}, ${collection}, ${id}, ${title}, ${mediaType}, ${bytes}, ${passages.length}, ${Buffer.from(sha256)},
      ${Buffer.from(fingerprint)}, ${grant}, ${JSON.stringify(metadata)}::jsonb)
    on conflict (collection, id) do update set title = excluded.title, media_type = excluded.media_type,
      bytes = excluded.bytes, passages = excluded.passages, sha256 = excluded.sha256,
      fingerprint = excluded.fingerprint, grant_id = excluded.grant_id, metadata = excluded.metadata, updated_at = now()
    returning key`.execute(trx);
  return rows[0]!.key;
}

async function addPassages(
  { trx, tenant }: TenantTransaction,
  collection: number,
  document: number,
  passages: readonly CutPassage[],
  first: number,
): Promise<void> {
  const rows = passages.map(({ embedded, ...row }, at) => ({ ...row, ordinal: first + at }));
  await sql`
    insert into passage (tenant, collection, document, ordinal, headings, text, start_line, end_line, page, start_byte,
      end_byte, hash, words)
    select ${tenant}, ${collection}, ${document}, p.ordinal, p.headings, p.text, p."startLine", p."endLine", p.page,
      p."startByte", p."endByte", decode(p.hash, 'hex'), p.words::tsvector
    from json_to_recordset(${JSON.stringify(rows)}::json) as p(ordinal int, headings jsonb, text text, "startLine" int,
      "endLine" int, page int, "startByte" bigint, "endByte" bigint, hash text, words text)`.execute(trx);
}
