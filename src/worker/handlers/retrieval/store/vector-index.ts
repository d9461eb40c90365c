// The index of a large collection's vectors: HNSW (Malkov & Yashunin 2018) over its rows alone, so that neither another tenant nor
// another collection stands in its graph. Small collections have none: comparing all their vectors is as fast, and exact.
import type { ClientBase, QueryConfig } from 'pg';
import type { Logger } from '../../../../base/logger.ts';
import type { CollectionRow } from './collections.ts';
import type { PassageDatabase } from './database.ts';

/** Most numbers of a vector that pgvector indexes, whole and in half precision. Larger ones are always compared one by one. */
const WHOLE = 2000;
const HALF = 4000;

/**
 * The type that a collection's index and the searches through it share; undefined where there can be none. On Postgres half precision: half
 * the size, and what it finds is put into order by the whole vectors. WebAssembly has no instructions for it and takes eight times as long.
 */
export function indexType(dimension: number, embedded: boolean): string | undefined {
  if (embedded) return dimension <= WHOLE ? `vector(${dimension})` : undefined;
  return dimension <= HALF ? `halfvec(${dimension})` : undefined;
}

/**
 * Links of a vector, and candidates for them. Measured on 20,000 lexical vectors of 384 numbers with EF_SEARCH of nearest.ts: recall of
 * the ten nearest 0.986, with pgvector's 16 and 64 0.946; the build takes 11 s instead of 7.
 */
const GRAPH = 'with (m = 24, ef_construction = 128)';

const nameOf = (collection: number): string => `embedding_hnsw_${collection}`;

/** Makes the index when the collection has more than `exactVectors` and none yet. Never throws: without it searches are slower. */
export async function ensureIndex(
  database: PassageDatabase,
  { tenant, id, dimension }: CollectionRow,
  exactVectors: number,
  log: Logger,
): Promise<void> {
  const type = indexType(dimension, database.embedded);
  if (!type) return;
  try {
    const large = await database.within(tenant, 'look', async ({ trx }) => {
      const row = await trx
        .selectFrom('collection')
        .select(['indexed', 'passages'])
        .where('tenant', '=', tenant)
        .where('id', '=', id)
        .executeTakeFirst();
      return row !== undefined && !row.indexed && row.passages > exactVectors;
    });
    if (!large) return;
    await database.alone(async (client) => {
      // One worker builds it, the others go on without.
      const { rows } = await client.query('select pg_try_advisory_lock(hashtext($1), $2::int) as mine', [
        nameOf(id),
        1,
      ]);
      if (rows[0]?.mine !== true) return;
      try {
        await client.query('set statement_timeout = 0');
        await client.query(`set maintenance_work_mem = '256MB'`);
        // Helpers would share that much of /dev/shm, of which a container usually has a quarter.
        await client.query('set max_parallel_maintenance_workers = 0');
        const beside = database.embedded ? '' : 'concurrently';
        // What a build that was broken off left is not valid and would stay so.
        await client.query(`drop index ${beside} if exists ${nameOf(id)}`);
        await slowly(
          client,
          `create index ${beside} ${nameOf(id)} on embedding using hnsw ((embedding::${type}) ${type.startsWith('half') ? 'halfvec' : 'vector'}_cosine_ops) ${GRAPH} where collection = ${id}`,
        );
        await client.query('begin');
        await client.query(`select set_config('bowline.tenant', $1, true)`, [tenant]);
        await client.query('update collection set indexed = true where tenant = $1 and id = $2', [tenant, id]);
        await client.query('commit');
      } finally {
        await client.query('select pg_advisory_unlock(hashtext($1), $2::int)', [nameOf(id), 1]);
        await client.query('reset statement_timeout');
        await client.query('reset maintenance_work_mem');
        await client.query('reset max_parallel_maintenance_workers');
      }
    });
  } catch (error) {
    log.warn('the vectors of a collection could not be indexed; searches in it are slower', {
      problem: error instanceof Error ? error.message : 'unknown',
    });
  }
}

/** Hours, if it must be: nobody waits for it. */
async function slowly(client: ClientBase, text: string): Promise<void> {
  const query: QueryConfig & { query_timeout: number } = { text, query_timeout: 12 * 3_600_000 };
  await client.query(query);
}

/** Removes the index of a collection that is gone. Never throws: what stays is empty. */
export async function dropIndex(database: PassageDatabase, collection: number, log: Logger): Promise<void> {
  try {
    await database.alone(async (client) => {
      await client.query(`drop index ${database.embedded ? '' : 'concurrently'} if exists ${nameOf(collection)}`);
    });
  } catch (error) {
    log.warn('the index of a removed collection stays', {
      problem: error instanceof Error ? error.message : 'unknown',
    });
  }
}
