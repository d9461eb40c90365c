// Which replica is alive, and which dispatches a dead one held. What becomes of those the reconciler decides, not this.
import { type Kysely, type Selectable, sql } from 'kysely';
import { EVENT_VERSION } from './event-version.ts';
import { guarded } from './guarded.ts';
import { type StoredOutboxRow, toOutboxRow } from './outbox.ts';
import type { Schema } from './schema.ts';

export interface Leases {
  /** Says that this replica lives for `ttlMs` more. */
  renew(replica: string, ttlMs: number): Promise<void>;
  /** Ready dispatches for workers whose holder's lease ended over `graceMs` ago, by dispatch id. */
  orphans(graceMs: number, limit?: number): Promise<StoredOutboxRow[]>;
  /** Ends the lease of a replica that shuts down; what it held is orphaned after the grace, as with one that died. */
  drop(replica: string): Promise<void>;
  /** Ends every lease at once and without grace; only when no other replica runs (an embedded restart). */
  dropAll(): Promise<void>;
  /** Replicas whose lease is live. */
  live(): Promise<string[]>;
  /** Whether every live replica knows the stored events of this version; what an older one cannot read must not be written. */
  allKnow(version: number): Promise<boolean>;
}

export function createLeases(db: Kysely<Schema>): Leases {
  return guarded<Leases>({
    async renew(replica, ttlMs) {
      const row = {
        expires_at: sql<Date>`now() + ${ttlMs}::float8 * interval '1 millisecond'`,
        version: EVENT_VERSION,
      };
      await db
        .insertInto('lease')
        .values({ replica, ...row })
        .onConflict((conflict) => conflict.column('replica').doUpdateSet(row))
        .execute();
    },
    async orphans(graceMs, limit = 1000) {
      // Walks from holder to holder in the index, which are few, instead of over all that is held.
      const { rows } = await sql<Selectable<Schema['outbox']>>`
        with recursive holders(id) as (
          select min(holder) from outbox where holder is not null
          union all
          select (select min(o.holder) from outbox o where o.holder > h.id) from holders h where h.id is not null),
        gone as materialized (
          select h.id from holders h
          where h.id is not null and not exists (
            select from lease l
            where l.replica = h.id and l.expires_at > now() - ${graceMs}::float8 * interval '1 millisecond'))
        select o.* from gone cross join lateral (
          select * from outbox where holder = gone.id and state = 'ready' and target = 'worker'
          order by dispatch_id limit ${limit}) o
        order by o.dispatch_id limit ${limit}`.execute(db);
      return rows.map(toOutboxRow);
    },
    async drop(replica) {
      await db
        .updateTable('lease')
        .set({ expires_at: sql<Date>`least(expires_at, now())` })
        .where('replica', '=', replica)
        .execute();
    },
    async dropAll() {
      await db.deleteFrom('lease').execute();
    },
    async live() {
      const query = db.selectFrom('lease').select('replica').where('expires_at', '>', sql<Date>`now()`);
      return (await query.orderBy('replica').execute()).map((row) => row.replica);
    },
    async allKnow(version) {
      const query = db.selectFrom('lease').select('replica').where('expires_at', '>', sql<Date>`now()`);
      return (await query.where('version', '<', version).limit(1).execute()).length === 0;
    },
  });
}
