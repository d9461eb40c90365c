// Searches collections: the nearest vectors and the passages that share words, as one order.

import type { MessageInitShape } from '@bufbuild/protobuf';
import { create } from '@bufbuild/protobuf';
import {
  type Passage,
  PassageSchema,
  type SearchRequest,
  type SearchResponse,
  SearchResponseSchema,
  type SkippedCollectionSchema,
} from '../../../../gen/bowline/capability/retrieval/v1/retrieval_pb.ts';
import { AppError } from '../../../base/errors.ts';
import { fixedLimit } from '../../../base/fixed-limit.ts';
import { toAppError } from '../../../contract/errors.ts';
import { pageSizeOf, readOffset, writePlace } from '../../../contract/paging.ts';
import type { HandlerContext } from '../../kit/handler.ts';
import { cleanText, mustBeName } from './clean-text.ts';
import { embed } from './embed-texts.ts';
import { type Fused, fuse, type RankedList } from './fuse.ts';
import { queryTerms } from './passages/terms.ts';
import { holds, type WeighedTerm, weighed } from './relevance.ts';
import { exactUpTo, type RetrievalSettings } from './retrieval-settings.ts';
import { byWords } from './store/by-words.ts';
import { type CollectionRow, findCollection, listCollections } from './store/collections.ts';
import type { PassageDatabase, TenantTransaction } from './store/database.ts';
import { type Hit, nearestPassages } from './store/nearest.ts';
import { showPassages } from './store/passages.ts';
import { otherModel } from './store/put-document.ts';

/** Passages when no number is asked for, and at most. */
const USUAL = 8;
const MOST = 50;
/** Length of each list before they are fused. */
const POOL = 100;
/** Passages that all pages of a search hold together, about. */
const MOST_RANKED = 1_000;
/** Passages whose texts are read and judged at once. */
const READ_AT_ONCE = 25;
/** Different words of a query that count. */
const WORDS = 64;
/** Collections that are searched when none is named. */
const COLLECTIONS = 64;

/** A hit with the name of its collection. */
type Found = Hit & { readonly collection: string };

/** Throws COLLECTION_UNKNOWN, COLLECTION_OTHER_MODEL, and the errors of embedding. */
export async function searchPassages(
  database: PassageDatabase,
  settings: RetrievalSettings,
  request: SearchRequest,
  context: HandlerContext,
): Promise<SearchResponse> {
  const { tenant } = context;
  mustBeName('id_prefix', request.idPrefix);
  for (const each of [...request.collections, ...Object.entries(request.metadata).flat()]) mustBeName('filter', each);
  const query = cleanText(request.query);
  const size = pageSizeOf(request.pageSize, USUAL, MOST);
  const offset = readOffset(request.pageToken, MOST_RANKED);
  const skipped: Skipped[] = [];
  const all = await database.within(tenant, 'look', (scope) => wanted(scope, request, skipped));
  const vectors = await embedQuery(all, query, context, skipped);
  const collections: CollectionRow[] = [];
  context.signal.throwIfAborted();
  const terms = queryTerms(query, WORDS);
  const filter = { prefix: request.idPrefix, metadata: request.metadata };
  let more = false;
  const passages = await database.within(tenant, 'look', async (scope) => {
    const byModel = new Map<string, Found[]>();
    const texts: Found[] = [];
    const letters = new Map<string, readonly WeighedTerm[]>();
    for (const { id, name, model_id: asked } of all) {
      if (!vectors.has(asked)) continue;
      // As it is now: it may have been removed, or have got an index or another model, while the query was embedded.
      const collection = await current(scope, id);
      if (!collection || !vectors.has(collection.model_id)) {
        skipped.push(skip(name, collection ? otherModel(name, collection.model_id, asked) : unknown(name)));
        continue;
      }
      collections.push(collection);
      const add = (hits: readonly Hit[]) => hits.map((hit) => ({ ...hit, collection: name }));
      const vector = vectors.get(collection.model_id)!;
      const near = await nearestPassages(scope, collection, vector, filter, POOL, exactUpTo(settings, scope.embedded));
      byModel.set(collection.model_id, [...(byModel.get(collection.model_id) ?? []), ...add(near)]);
      const words = await byWords(scope, collection, terms, filter, POOL);
      texts.push(...add(words.hits));
      if (collection.lexical) letters.set(name, weighed(terms, words.weightOf));
    }
    // Distances of one model can be compared, those of two cannot: each model has a list of its own.
    const lists: RankedList<Found>[] = [...byModel.values()].map((items) => ({ kind: 'vector', items: best(items) }));
    lists.push({ kind: 'text', items: best(texts) });
    const ranked = fuse(lists, (hit) => hit.passage, byPlace, MOST_RANKED);
    // Letters always find something that is nearest; of it only what shares words with the query answers anything.
    const isAbout = (passage: Passage) => {
      const weights = letters.get(passage.collection);
      return weights === undefined || holds(weights, passage);
    };
    const { passages: page, more: left } = await pageOf(scope, ranked, { offset, size }, isAbout);
    more = left && offset + size <= MOST_RANKED;
    return page;
  });
  return create(SearchResponseSchema, {
    passages,
    collections: collections.map(({ name }) => name),
    models: collections.map(({ model_id }) => model_id),
    lexical: collections.some(({ lexical }) => lexical),
    skipped,
    nextPageToken: more ? writePlace(String(offset + size)) : '',
  });
}

type Skipped = MessageInitShape<typeof SkippedCollectionSchema>;

const skip = (collection: string, { reason, message: problem }: AppError): Skipped => ({ collection, reason, problem });

const unknown = (collection: string): AppError => new AppError('COLLECTION_UNKNOWN', { collection });

/** The collections to look into. One of several that is not there is left out and named; where that is all, its error is thrown. */
async function wanted(
  scope: TenantTransaction,
  { collections }: SearchRequest,
  skipped: Skipped[],
): Promise<readonly CollectionRow[]> {
  if (collections.length > 0) {
    const rows: CollectionRow[] = [];
    for (const name of new Set(collections)) {
      const row = await findCollection(scope, name);
      if (row) rows.push(row);
      else skipped.push(skip(name, unknown(name)));
    }
    if (rows.length === 0) throw unknown(collections[0]!);
    return rows;
  }
  const { items, nextPageToken } = await listCollections(scope, COLLECTIONS);
  if (nextPageToken === '') return items;
  throw fixedLimit('a search in all collections', `${COLLECTIONS} collections`, 'name those to look into');
}

/**
 * The query's vector for each model that could be asked, once each. A collection whose model cannot be asked is left out and named;
 * where that is all, its error is thrown.
 */
async function embedQuery(
  collections: readonly CollectionRow[],
  query: string,
  context: HandlerContext,
  skipped: Skipped[],
): Promise<ReadonlyMap<string, string>> {
  const vectors = new Map<string, string>();
  const failed = new Map<string, AppError>();
  for (const { name, model, model_id: modelId } of collections) {
    if (!vectors.has(modelId) && !failed.has(modelId)) {
      try {
        const { model: made, vectors: one } = await embed([query], 'query', model, context);
        if (made.modelId !== modelId) throw otherModel(name, modelId, made.modelId);
        vectors.set(modelId, one[0]!);
      } catch (error) {
        context.signal.throwIfAborted();
        failed.set(modelId, toAppError(error, context.log));
      }
    }
    const error = failed.get(modelId);
    if (error) skipped.push(skip(name, error));
  }
  const [first] = failed.values();
  if (first && vectors.size === 0) throw first;
  return vectors;
}

function current({ trx, tenant }: TenantTransaction, id: number): Promise<CollectionRow | undefined> {
  return trx.selectFrom('collection').selectAll().where('tenant', '=', tenant).where('id', '=', id).executeTakeFirst();
}

interface Page {
  readonly offset: number;
  readonly size: number;
}

/** The passages of one page that are about the query, and whether there are more of them. */
async function pageOf(
  scope: TenantTransaction,
  ranked: readonly Fused<Found>[],
  { offset, size }: Page,
  isAbout: (passage: Passage) => boolean,
) {
  const passages: Passage[] = [];
  for (let at = 0; at < ranked.length && passages.length <= offset + size; at += READ_AT_ONCE)
    passages.push(...(await shown(scope, ranked.slice(at, at + READ_AT_ONCE))).filter(isAbout));
  return { passages: passages.slice(offset, offset + size), more: passages.length > offset + size };
}

const best = (hits: readonly Found[]): Found[] =>
  [...hits].sort((a, b) => a.order - b.order || byPlace(a, b)).slice(0, POOL);

const byPlace = (a: Found, b: Found): number =>
  compare(a.collection, b.collection) || compare(a.document, b.document) || a.ordinal - b.ordinal;

const compare = (a: string, b: string): number => Number(a > b) - Number(a < b);

async function shown(scope: TenantTransaction, hits: readonly Fused<Found>[]): Promise<Passage[]> {
  const passages = await showPassages(
    scope,
    hits.map(({ item }) => item.passage),
  );
  return hits.flatMap(({ item, score, vectorRank, textRank }) => {
    const passage = passages.get(item.passage);
    if (!passage) return [];
    const { id, startByte, endByte, headings, ...same } = passage;
    const places = { startByte: BigInt(startByte), endByte: BigInt(endByte) };
    return [create(PassageSchema, { ...same, ...places, headings: [...headings], score, vectorRank, textRank })];
  });
}
