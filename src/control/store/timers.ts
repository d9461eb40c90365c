// Durable timers as the firing side sees them. Setting and removing them belongs to commits alone.
import { type Kysely, sql } from 'kysely';
import { guarded } from './guarded.ts';
import type { Schema } from './schema.ts';
import type { TimerRow } from './unit.ts';

export interface DueTimer extends TimerRow {
  readonly tenant: string;
}

export interface Timers {
  /**
   * Takes up to `limit` due timers, earliest first; `dueInMs` is 0 or negative (how late). A taken timer is not given out
   * again for `claimMs`, then it is, unless the commit of its TimerFired removed it meanwhile. Replicas never take the same.
   */
  due(limit: number, claimMs?: number): Promise<DueTimer[]>;
  /** Milliseconds until the next timer should be taken (0 when one is due), undefined when there is none. */
  nextDue(): Promise<number | undefined>;
  /** Forgets who took what; only when no other replica runs (an embedded restart). */
  releaseAll(): Promise<void>;
}

export function createTimers(db: Kysely<Schema>): Timers {
  return guarded<Timers>({
    async due(limit, claimMs = 10_000) {
      const { rows } = await sql<DueTimer>`/* timers_due */
        update timers set wake = now() + ${claimMs}::float8 * interval '1 millisecond'
        where ctid = any(array(
          select ctid from timers where wake <= now() order by wake limit ${limit} for update skip locked))
        returning timers.tenant, timers.id, timers.stream, timers.kind,
          (extract(epoch from timers.due - now()) * 1000)::float8 as "dueInMs"`.execute(db);
      return rows.sort((a, b) => a.dueInMs - b.dueInMs);
    },
    async nextDue() {
      const { rows } = await sql<{ ms: number }>`/* timers_next */
        select greatest(0, extract(epoch from wake - now()) * 1000)::float8 as ms
        from timers order by wake limit 1`.execute(db);
      return rows[0] && Math.ceil(rows[0].ms);
    },
    async releaseAll() {
      await sql`update timers set wake = due where wake > due`.execute(db);
    },
  });
}
