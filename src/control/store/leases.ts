// Which replica is alive and what it has in hand. What no live lease names is for the reconciler; it decides, not this.
import { type Kysely, type Selectable, sql } from 'kysely';
import { guarded } from './guarded.ts';
import { type StoredOutboxRow, toOutboxRow } from './outbox.ts';
import type { Schema } from './schema.ts';

export interface Leases {
  /** Says that this replica lives for `ttlMs` more and has these dispatches in hand. */
  renew(replica: string, inFlight: readonly string[], ttlMs: number): Promise<void>;
  /**
   * Ready dispatches for workers that were last queued (or, never queued, made) over `olderThanMs` ago and that no live
   * lease names, by dispatch id.
   */
  dead(olderThanMs: number, limit?: number): Promise<StoredOutboxRow[]>;
  /** Ends the lease of a replica that shuts down. */
  drop(replica: string): Promise<void>;
  /** Ends every lease; only when no other replica runs (an embedded restart). */
  dropAll(): Promise<void>;
  /** Replicas whose lease is live. */
  live(): Promise<string[]>;
}

export function createLeases(db: Kysely<Schema>): Leases {
  return guarded<Leases>({
    async renew(replica, inFlight, ttlMs) {
      const expires = sql<Date>`now() + ${ttlMs}::float8 * interval '1 millisecond'`;
      const row = { in_flight: JSON.stringify(inFlight), expires_at: expires };
      await db
        .insertInto('lease')
        .values({ replica, ...row })
        .onConflict((conflict) => conflict.column('replica').doUpdateSet(row))
        .execute();
    },
    async dead(olderThanMs, limit = 1000) {
      const { rows } = await sql<Selectable<Schema['outbox']>>`
        select o.* from outbox o
        where o.state = 'ready' and o.target = 'worker'
          and coalesce(o.queued_at, o.created_at) < now() - ${olderThanMs}::float8 * interval '1 millisecond'
          and not exists (
            select from lease l cross join lateral jsonb_array_elements_text(l.in_flight) as named(id)
            where l.expires_at > now() and named.id = o.dispatch_id)
        order by o.dispatch_id limit ${limit}`.execute(db);
      return rows.map(toOutboxRow);
    },
    async drop(replica) {
      await db.deleteFrom('lease').where('replica', '=', replica).execute();
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
