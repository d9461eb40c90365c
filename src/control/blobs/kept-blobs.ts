// Why blobs are kept, and when they are collected. The rule: whoever refers to a blob says so here before the reference is committed, and
// says it again for each new reference; a blob goes when nothing has owned it for the grace time. What says so and what collects
// lock the row of the blob, so that a new owner either is seen, or comes after and writes the bytes anew.
import { type Kysely, sql } from 'kysely';
import { inStore } from '../../base/sql-failure.ts';
import type { Schema } from '../store/schema.ts';
import type { BlobName, BlobStore } from './blob-store.ts';
import { sha256Of } from './blob-store.ts';

export interface KeptBlobs {
  /**
   * Keeps the bytes for an owner; returns their hash. The owner is the id of a run or a conversation, and owns them as long as it has a
   * stream of events; with `held` it is any name, and owns them until `release`. Durable when it returns; repeating it is harmless.
   */
  keep(tenant: string, owner: string, bytes: Uint8Array, options?: { readonly held?: boolean }): Promise<string>;
  /** Undefined when the tenant has no such blob. Throws BLOB_DAMAGED. */
  get(name: BlobName): Promise<Uint8Array | undefined>;
  /** The owner holds nothing any more. */
  release(tenant: string, owner: string): Promise<void>;
  /** Removes what nobody has owned for the grace time; returns how many blobs went. Any number of replicas may do it at once. */
  sweep(graceMs: number, signal?: AbortSignal): Promise<number>;
}

/** Rows that one statement looks at, in the order of their keys. */
const PAGE = 1_000;

export function createKeptBlobs(db: Kysely<Schema>, store: BlobStore): KeptBlobs {
  return {
    async keep(tenant, owner, bytes, { held = false } = {}) {
      const sha256 = sha256Of(bytes);
      await inStore(() =>
        sql`with kept as (
            insert into blob (tenant, sha256, size) values (${tenant}, ${sha256}, ${bytes.length})
            on conflict (tenant, sha256) do update set at = now())
          insert into blob_owner (tenant, sha256, owner, held) values (${tenant}, ${sha256}, ${owner}, ${held})
          on conflict (tenant, sha256, owner) do update set at = now(), held = blob_owner.held or excluded.held`.execute(
          db,
        ),
      );
      // After that: whoever collects meanwhile either saw the row above, or is done.
      await store.put(tenant, bytes);
      return sha256;
    },
    get: (name) => store.get(name),
    async release(tenant, owner) {
      await inStore(() =>
        db
          .deleteFrom('blob_owner')
          .where('tenant', '=', tenant)
          .where('owner', '=', owner)
          .where('held', '=', true)
          .execute(),
      );
    },
    async sweep(graceMs, signal) {
      await eachPage(signal, (after) => forgetOwners(db, graceMs, after));
      let collected = 0;
      await eachPage(signal, async (after) => {
        const { names, last } = await unowned(db, graceMs, after);
        for (const name of names) if (!signal?.aborted && (await collect(db, store, name, graceMs))) collected++;
        return last;
      });
      return collected;
    },
  };
}

type Place = readonly [tenant: string, sha256: string, owner: string];

/** Goes on from where the page before ended, until one was not full. */
async function eachPage(
  signal: AbortSignal | undefined,
  page: (after: Place) => Promise<Place | undefined>,
): Promise<void> {
  for (let after: Place | undefined = ['', '', '']; after && !signal?.aborted; ) after = await page(after);
}

/** Those whose stream is gone, or never came: a commit comes seconds after it was told here, not a grace time after. */
async function forgetOwners(db: Kysely<Schema>, graceMs: number, after: Place): Promise<Place | undefined> {
  const { rows } = await inStore(() =>
    sql<{ tenant: string; sha256: string; owner: string }>`
      with page as (
        select tenant, sha256, owner, held, at from blob_owner
        where (tenant, sha256, owner) > (${after[0]}, ${after[1]}, ${after[2]})
        order by tenant, sha256, owner limit ${PAGE}),
      gone as (
        delete from blob_owner o using page p
        where o.tenant = p.tenant and o.sha256 = p.sha256 and o.owner = p.owner and not o.held
          and o.at < now() - ${graceMs}::float8 * interval '1 millisecond'
          and not exists (select from streams s where s.tenant = o.tenant and s.id = o.owner))
      select tenant, sha256, owner from page order by tenant, sha256, owner`.execute(db),
  );
  const last = rows[PAGE - 1];
  return last && [last.tenant, last.sha256, last.owner];
}

async function unowned(
  db: Kysely<Schema>,
  graceMs: number,
  after: Place,
): Promise<{ names: BlobName[]; last: Place | undefined }> {
  const { rows } = await inStore(() =>
    sql<BlobName & { idle: boolean }>`
      with page as (
        select tenant, sha256, at from blob where (tenant, sha256) > (${after[0]}, ${after[1]})
        order by tenant, sha256 limit ${PAGE})
      select tenant, sha256, at < now() - ${graceMs}::float8 * interval '1 millisecond'
        and not exists (select from blob_owner o where o.tenant = p.tenant and o.sha256 = p.sha256) as idle
      from page p order by tenant, sha256`.execute(db),
  );
  const last = rows[PAGE - 1];
  return { names: rows.filter(({ idle }) => idle), last: last && [last.tenant, last.sha256, ''] };
}

/**
 * The bytes go while the row is locked: whoever wants the same blob now waits at it, and then writes both again. When this process dies
 * in between, the row stays and the next round does it again.
 */
async function collect(db: Kysely<Schema>, store: BlobStore, name: BlobName, graceMs: number): Promise<boolean> {
  const { tenant, sha256 } = name;
  return inStore(() =>
    db.transaction().execute(async (trx) => {
      const { rows } = await sql`
        select from blob b where b.tenant = ${tenant} and b.sha256 = ${sha256}
          and b.at < now() - ${graceMs}::float8 * interval '1 millisecond'
          and not exists (select from blob_owner o where o.tenant = b.tenant and o.sha256 = b.sha256)
        for update skip locked`.execute(trx);
      if (rows.length === 0) return false;
      await store.delete(name, trx);
      await trx.deleteFrom('blob').where('tenant', '=', tenant).where('sha256', '=', sha256).execute();
      return true;
    }),
  );
}
