// Which replica is alive, and which dispatches a dead one held. What becomes of those the reconciler decides, not this. Nothing else
// writes the row of a lease: who counts, probes or tidies up does it with what stands here.
import { type Kysely, type Selectable, sql } from 'kysely';
import { EVENT_VERSION } from './event-version.ts';
import { guarded } from './guarded.ts';
import { type StoredOutboxRow, toOutboxRow } from './outbox.ts';
import type { Schema } from './schema.ts';

/** Writes the lease of the replica `$1` and changes nothing of it: a probe whether it can be written. */
export const TOUCH_LEASE_SQL = 'update lease set expires_at = expires_at where replica = $1';

/** Removes the leases of replicas that are gone for long. */
export const TIDY_LEASES_SQL = `delete from lease where expires_at < now() - interval '1 hour'`;

export interface Leases {
  /** Says that this replica lives for `ttlMs` more. */
  renew(replica: string, ttlMs: number): Promise<void>;
  /** Ready dispatches for workers whose holder's lease ended over `graceMs` ago, by dispatch id. */
  orphans(graceMs: number, limit?: number): Promise<StoredOutboxRow[]>;
  /** Ends the lease of a replica that shuts down; what it held is orphaned after the grace, as with one that died. */
  drop(replica: string): Promise<void>;
  /** Ends every lease at once and without grace; only when no other replica runs (an embedded restart). */
  dropAll(): Promise<void>;
  /** Writes a number into the lease of a replica, when that has none below `known`; false when it has, or there is no lease. */
  raiseCounter(replica: string, next: number, known: number): Promise<boolean>;
  /** The number that was last written; 0 when there is no lease. */
  counterOf(replica: string): Promise<number>;
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
    async raiseCounter(replica, next, known) {
      const written = await db
        .updateTable('lease')
        .set({ beat: next })
        .where('replica', '=', replica)
        // One whose answer was lost may have been written, too.
        .where('beat', '>=', known)
        .executeTakeFirst();
      return written.numUpdatedRows > 0n;
    },
    async counterOf(replica) {
      const { rows } = await sql<{ beat: string }>`select beat from lease where replica = ${replica}`.execute(db);
      return Number(rows[0]?.beat ?? 0);
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
