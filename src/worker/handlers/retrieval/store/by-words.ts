// The passages of a collection that share the rarest words with a query, ranked as BM25 does (Robertson & Zaragoza 2009): the
// frequency of a word in its passage stands in the index, its rarity is counted here.
import { type RawBuilder, sql } from 'kysely';
import type { QueryTerm } from '../passages/terms.ts';
import { lexeme, RANK_WEIGHTS } from '../passages/word-vector.ts';
import type { CollectionRow } from './collections.ts';
import type { TenantTransaction } from './database.ts';
import { condition, type Filter, passesAll } from './filter.ts';
import type { Hit } from './nearest.ts';
import { wordPrefix } from './word-prefix.ts';

/** A word is counted up to so many passages; what is in more tells little and chooses nobody. */
const COUNTED = 1_000;
const HANDFUL = 30;
/** Passages that are ranked. */
const RANKED = 4_000;

interface Word {
  readonly term: string;
  /** The word as a tsquery. */
  readonly query: string;
  readonly found: number;
}

/** Passages that share words with a query. */
interface ByWords {
  /** The best first. */
  readonly hits: readonly Hit[];
  /** What a term weighs by how many passages have it; also one that none has. */
  weightOf(term: string): number;
}

/** At most `limit`. */
export async function byWords(
  scope: TenantTransaction,
  collection: CollectionRow,
  terms: readonly QueryTerm[],
  filter: Filter,
  limit: number,
): Promise<ByWords> {
  const words = await counted(scope, collection, terms);
  const found = new Map(words.map((word) => [word.term, word.found]));
  // In a handful of passages nothing can be told from how many have a word.
  const passages = Math.max(collection.passages, HANDFUL);
  const weightOf = (term: string) => weightIn({ passages }, found.get(term) ?? 0);
  for (const chosen of words.length === 0 ? [] : choices(words)) {
    const hits = await ranked(scope, collection, words, chosen, filter, limit);
    if (hits.length > 0) return { hits, weightOf };
  }
  return { hits: [], weightOf };
}

/** What is counted no further is taken as four times as common. */
const weightIn = ({ passages }: Pick<CollectionRow, 'passages'>, found: number): number =>
  rarity(found > COUNTED ? 4 * COUNTED : found, passages);

async function ranked(
  { trx, tenant }: TenantTransaction,
  collection: CollectionRow,
  words: readonly Word[],
  chosen: string,
  filter: Filter,
  limit: number,
): Promise<Hit[]> {
  const rarities = words.map(({ found }) => weightIn(collection, found));
  const { rows } = await sql<Hit>`
    with candidates as materialized (${candidates(tenant, collection.id, chosen, filter)}),
    scored as materialized (
      select c.id, c.document, c.ordinal,
        round(sum(w.rarity * ts_rank(${RANK_WEIGHTS}::float4[], c.words, w.query))::numeric, 6) as score
      from candidates c
      cross join unnest(${words.map(({ query }) => query)}::text[]::tsquery[], ${rarities}::float8[]) as w(query, rarity)
      group by c.id, c.document, c.ordinal
      order by score desc, c.document, c.ordinal
      limit ${limit})
    select s.id as passage, -s.score::float8 as order, d.id as document, s.ordinal
    from scored s cross join lateral (
      select d.id from document d where d.key = s.document and d.tenant = ${tenant} offset 0) d
    order by s.score desc, d.id, s.ordinal`.execute(trx);
  return rows;
}

/**
 * What is ranked. The words name their collection, so it is not looked up in another index too; the planner, which cannot know how
 * many rows a word has, would do that, or begin with the documents.
 */
function candidates(tenant: string, collection: number, chosen: string, filter: Filter): RawBuilder<unknown> {
  const pass = passesAll(filter)
    ? sql`true`
    : sql`(select ${condition(filter)} from document d where d.key = p.document and d.tenant = ${tenant})`;
  return sql`
    select p.id, p.document, p.ordinal, p.words from passage p
    where p.words @@ ${chosen}::tsquery and p.tenant = ${tenant} and p.collection + 0 = ${collection} and ${pass}
    limit ${RANKED}`;
}

/** Those that occur, the rarest first. */
async function counted(
  { trx, tenant }: TenantTransaction,
  collection: CollectionRow,
  terms: readonly QueryTerm[],
): Promise<Word[]> {
  const prefix = wordPrefix(tenant, collection.name);
  const queries = terms.map(({ term, prefix: begins }) => `${lexeme(prefix, term)}${begins ? ':*' : ''}`);
  const { rows } = await sql<Word>`
    select w.term, w.query, c.found
    from unnest(${terms.map(({ term }) => term)}::text[], ${queries}::text[]) with ordinality as w(term, query, place)
    cross join lateral (
      select count(*) as found from (
        select from passage p
        where p.words @@ w.query::tsquery and p.tenant = ${tenant} and p.collection + 0 = ${collection.id}
        limit ${COUNTED + 1}) sample) c
    where c.found > 0
    order by c.found, w.place`.execute(trx);
  return rows;
}

/**
 * The tsqueries that choose who is ranked, to be tried in this order: any of the rare words, as many as stay within bounds; where all
 * are common, all of them at once, or else the rarest.
 */
function choices(words: readonly Word[]): string[] {
  let sum = 0;
  const rare = words.filter(({ found }) => {
    sum += found;
    return found <= COUNTED && sum <= RANKED;
  });
  const join = (some: readonly Word[], by: string) => some.map(({ query }) => query).join(by);
  return rare.length > 0 ? [join(rare, ' | ')] : [join(words, ' & '), words[0]!.query];
}

/** The inverse document frequency of BM25, never below 0. */
const rarity = (found: number, passages: number): number => {
  const within = Math.min(found, passages);
  return Math.log(1 + (passages - within + 0.5) / (within + 0.5));
};
