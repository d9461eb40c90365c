// Takes a restored database back into use: everything that was given out before, on whatever history, is fenced from then on.
import { type Kysely, sql } from 'kysely';
import { inStore } from '../../base/sql-failure.ts';
import { writeAudit } from '../ledger/audit.ts';
import type { Schema } from '../store/schema.ts';
import type { RestoreEvidence } from './restore-guard.ts';

export interface StoppedTenant {
  readonly tenant: string;
  /** Milliseconds since 1970. */
  readonly since: number;
  readonly evidence: RestoreEvidence;
}

/** What stands still, for the owner to see before anything is changed. */
export async function stoppedTenants(db: Kysely<Schema>): Promise<StoppedTenant[]> {
  const query = db.selectFrom('tenant').select(['id', 'stopped_at', 'stopped_by']).where('stopped_at', 'is not', null);
  const rows = await inStore(() => query.orderBy('id').execute());
  return rows.map(({ id, stopped_at, stopped_by }) => ({
    tenant: id,
    since: stopped_at?.getTime() ?? 0,
    evidence: stopped_by as RestoreEvidence,
  }));
}

/**
 * Raises the base of all epochs and lets all tenants go on; returns the base.
 *
 * The history that was lost gave epochs that this database never saw: to sessions of edges, and to attempts that workers may
 * still have at work. A number that is merely higher than what one edge showed could meet another one's. So the base is
 * made from the time, a million numbers for each second: no history that began from an older state can have reached it, also
 * not one that was itself recovered before from the same backup. Devices get their next session above it, and so do the
 * attempts of all jobs; those that are outstanding are given up by the replicas and made anew above it. What devices did
 * under their idempotency keys they answer again from their journals, so no effect is doubled. Edges present all their
 * open asks again from then on, because those that the lost history accepted are not in this database.
 */
export async function recover(db: Kysely<Schema>, by: string): Promise<number> {
  return inStore(() =>
    db.transaction().execute(async (trx) => {
      const { epoch_base: base } = await trx
        .updateTable('control_state')
        .set({
          epoch_base: sql<number>`greatest(
            epoch_base + 1048576,
            floor(extract(epoch from clock_timestamp()) * 1000)::bigint * 1024,
            (select max((stopped_by ->> 'known')::bigint) + 1 from tenant))`,
          recovered_at: sql<Date>`now()`,
        })
        .returning('epoch_base')
        .executeTakeFirstOrThrow();
      await trx
        .updateTable('device')
        .set({ session_epoch: sql<number>`greatest(session_epoch, ${base}::bigint)`, recovered: true, replica: null })
        .execute();
      await trx.updateTable('tenant').set({ stopped_at: null, stopped_by: null }).execute();
      const tenants = await trx.selectFrom('tenant').select('id').execute();
      const detail = { epochBase: base };
      await writeAudit(
        trx,
        tenants.map(({ id }) => ({
          tenant: id,
          principal: by,
          action: 'dispatch.recover',
          subject: `tenant:${id}`,
          detail,
        })),
      );
      return base;
    }),
  );
}
