// The passages of a collection whose vectors are nearest to one: exactly where they are few, else through the collection's index.
import { type RawBuilder, sql } from 'kysely';
import type { CollectionRow } from './collections.ts';
import type { TenantTransaction } from './database.ts';
import { condition, type Filter, passesAll } from './filter.ts';
import { indexType } from './vector-index.ts';

/** A passage with what its order within one list goes by. */
export interface Hit {
  readonly passage: number;
  /** Smaller is better: a distance, or a score with its sign turned. */
  readonly order: number;
  /** Id and place of the passage, so that equals have an order too. */
  readonly document: string;
  readonly ordinal: number;
}

/** Entries of the graph that a search holds; with pgvector's 40, half of what lexical vectors have near is missed. */
const EF_SEARCH = 400;
/** Entries that it looks at before it gives up on a filter. */
const MAX_SCAN = 200_000;

/** The nearest first, at most `limit`. `exactVectors`: up to so many that pass the filter are compared one by one. */
export async function nearestPassages(
  scope: TenantTransaction,
  collection: CollectionRow,
  vector: string,
  filter: Filter,
  limit: number,
  exactVectors: number,
): Promise<Hit[]> {
  const type = collection.indexed ? indexType(collection.dimension, scope.embedded) : undefined;
  const exact = !type || (!passesAll(filter) && (await fewPass(scope, collection.id, filter, exactVectors)));
  if (!exact) await sql.raw(THROUGH_INDEX).execute(scope.trx);
  const candidates = exact
    ? exactly(scope.tenant, collection.id, vector, filter, limit)
    : throughIndex(scope.tenant, collection.id, type, vector, filter, limit);
  const { rows } = await sql<Hit>`
    with near as materialized (${candidates})
    select p.id as passage, near.distance as order, d.id as document, p.ordinal
    from near
    cross join lateral (
      select p.id, p.document, p.ordinal from passage p
      where p.collection = ${collection.id} and p.hash = near.hash and p.tenant = ${scope.tenant} offset 0) p
    cross join lateral (
      select d.id from document d
      where d.key = p.document and d.tenant = ${scope.tenant} and ${condition(filter)} offset 0) d
    order by near.distance, d.id, p.ordinal
    limit ${limit}`.execute(scope.trx);
  if (!exact) await sql`set local enable_sort = on`.execute(scope.trx);
  return rows;
}

/**
 * The planner takes the index for what it is only when sorting is dear. An iterative scan goes on until enough pass the filter;
 * strict, so that the nearest come first.
 */
const THROUGH_INDEX = `
  set local hnsw.ef_search = ${EF_SEARCH};
  set local hnsw.iterative_scan = strict_order;
  set local hnsw.max_scan_tuples = ${MAX_SCAN};
  set local enable_sort = off`;

/**
 * Every step goes by a key, in the order that is written here (`offset 0` keeps it): left to itself, a planner whose statistics are of
 * another hour joins whole tables row by row.
 */
function exactly(
  tenant: string,
  collection: number,
  vector: string,
  filter: Filter,
  limit: number,
): RawBuilder<unknown> {
  if (passesAll(filter)) {
    return sql`
      select e.hash, e.embedding <=> ${vector}::vector as distance from embedding e
      where e.tenant = ${tenant} and e.collection = ${collection}
      order by distance, e.hash limit ${limit}`;
  }
  return sql`
    select h.hash, e.distance
    from (
      select distinct p.hash from document d cross join lateral (
        select p.hash from passage p where p.document = d.key and p.tenant = ${tenant} offset 0) p
      where d.tenant = ${tenant} and d.collection = ${collection} and ${condition(filter)} offset 0) h
    cross join lateral (
      select e.embedding <=> ${vector}::vector as distance from embedding e
      where e.collection = ${collection} and e.hash = h.hash and e.tenant = ${tenant} offset 0) e
    order by e.distance, h.hash limit ${limit}`;
}

function throughIndex(
  tenant: string,
  collection: number,
  type: string,
  vector: string,
  filter: Filter,
  limit: number,
): RawBuilder<unknown> {
  const column = sql.raw(`e.embedding::${type}`);
  const query = sql`${vector}::${sql.raw(type)}`;
  const pass = passesAll(filter)
    ? sql`true`
    : sql`(
        select true from passage p
        where p.collection = e.collection and p.hash = e.hash and p.tenant = ${tenant}
          and (select ${condition(filter)} from document d where d.key = p.document and d.tenant = ${tenant})
        limit 1)`;
  // The number stands in the text: the planner must see that the index is the collection's.
  return sql`
    select e.hash, e.embedding <=> ${vector}::vector as distance from embedding e
    where e.tenant = ${tenant} and e.collection = ${sql.raw(String(collection))} and ${pass}
    order by ${column} <=> ${query} limit ${limit}`;
}

/** Whether the documents that pass have so few passages. */
async function fewPass(
  { trx, tenant }: TenantTransaction,
  collection: number,
  filter: Filter,
  few: number,
): Promise<boolean> {
  const { rows } = await sql<{ count: number }>`
    select coalesce(sum(d.passages), 0) as count from document d
    where d.tenant = ${tenant} and d.collection = ${collection} and ${condition(filter)}`.execute(trx);
  return (rows[0]?.count ?? 0) <= few;
}
