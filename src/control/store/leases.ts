// Which replica is alive, and which dispatches a dead one held. What becomes of those the reconciler decides, not this.
import { type Kysely, type Selectable, sql } from 'kysely';
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
}

export function createLeases(db: Kysely<Schema>): Leases {
  return guarded<Leases>({
    async renew(replica, ttlMs) {
      const row = { expires_at: sql<Date>`now() + ${ttlMs}::float8 * interval '1 millisecond'` };
      await db
        .insertInto('lease')
        .values({ replica, ...row })
        .onConflict((conflict) => conflict.column('replica').doUpdateSet(row))
        .execute();
    },
    async orphans(graceMs, limit = 1000) {
      const { rows } = await sql<Selectable<Schema['outbox']>>`
        select o.* from outbox o
        where o.state = 'ready' and o.target = 'worker' and o.holder is not null
          and not exists (
            select from lease l
            where l.replica = o.holder and l.expires_at > now() - ${graceMs}::float8 * interval '1 millisecond')
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
  });
}
