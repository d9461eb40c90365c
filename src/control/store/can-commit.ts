// Whether a commit would be taken now: asked by one small statement that needs what a commit needs (the rights on the same tables, their
// locks, a transaction that may write, its sync) and changes nothing that anybody reads.
import type { Pool } from 'pg';
import { TOUCH_LEASE_SQL } from './leases.ts';

/** What `COMMIT_SQL` writes. */
export const COMMIT_TABLES = [
  'streams',
  'inbox',
  'events',
  'outbox',
  'timers',
  'conversation',
  'run',
  'job',
  'ledger_usage',
  'budget_period',
  'reservation',
] as const;

/** Each part is locked and its rights are checked as for a real insert, and none has a row. */
const CAN_COMMIT_SQL = `with ${COMMIT_TABLES.map(
  (table) => `${table}_ as (insert into ${table} select * from ${table} where false)`,
).join(', ')}
${TOUCH_LEASE_SQL}`;

/**
 * Asks on behalf of a replica, whose own lease row is written. Resolves when the database has taken it, and rejects with why not.
 * One that still waits, e.g. for a lock, is not joined by another: who asks meanwhile gets the same answer.
 */
export function commitProbe(pool: Pick<Pool, 'query'>, replica: string): () => Promise<void> {
  let asking: Promise<void> | undefined;
  return () => {
    asking ??= pool
      .query(CAN_COMMIT_SQL, [replica])
      .then(() => undefined)
      .finally(() => {
        asking = undefined;
      });
    return asking;
  };
}
