// Durable timers as the firing side sees them. Setting and removing them belongs to commits alone.
import { type Kysely, sql } from 'kysely';
import { type Clock, systemClock } from '../../base/clock.ts';
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

/** A timer may come to be seen so long after the time that it was reckoned from: a commit takes 8 s at most. */
const LATE_MS = 15_000;
/** So often all timers are looked at. */
const ALL_EVERY_MS = 60_000;
const ALL_MS = 6e13;

/**
 * While a transaction is held open, the rows of fired timers cannot be vacuumed, and they lie before all that are due: a look would read
 * every one of them. So it begins where the last one ended, and only now and then at the beginning, for what a replica took and gave back.
 */
export function createTimers(db: Kysely<Schema>, clock: Pick<Clock, 'monotonic'> = systemClock): Timers {
  let allAt: number | undefined;
  let doneAt = 0;
  const from = (): number => {
    const now = clock.monotonic();
    return allAt === undefined || now - allAt >= ALL_EVERY_MS ? ALL_MS : now - doneAt + LATE_MS;
  };
  const since = (ms: number) => sql`now() - ${ms}::float8 * interval '1 millisecond'`;
  return guarded<Timers>({
    async due(limit, claimMs = 10_000) {
      const begun = clock.monotonic();
      const ms = from();
      const { rows } = await sql<DueTimer>`/* timers_due */
        update timers set wake = now() + ${claimMs}::float8 * interval '1 millisecond'
        where ctid = any(array(
          select ctid from timers where wake > ${since(ms)} and wake <= now() order by wake limit ${limit} for update skip locked))
        returning timers.tenant, timers.id, timers.stream, timers.kind,
          (extract(epoch from timers.due - now()) * 1000)::float8 as "dueInMs"`.execute(db);
      if (rows.length < limit) {
        doneAt = begun;
        if (ms === ALL_MS) allAt = begun;
      }
      return rows.sort((a, b) => a.dueInMs - b.dueInMs);
    },
    async nextDue() {
      const { rows } = await sql<{ ms: number }>`/* timers_next */
        select greatest(0, extract(epoch from wake - now()) * 1000)::float8 as ms
        from timers where wake > ${since(from())} order by wake limit 1`.execute(db);
      return rows[0] && Math.ceil(rows[0].ms);
    },
    async releaseAll() {
      await sql`update timers set wake = due where wake > due`.execute(db);
      allAt = undefined;
    },
  });
}
