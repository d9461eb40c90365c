// Runs that were set aside, because no version at work could read their history. Nothing of them is given out or fired meanwhile; their
// events are never touched.
import { type Kysely, sql, type Transaction } from 'kysely';
import { EVENT_VERSION } from './event-version.ts';
import { guarded } from './guarded.ts';
import type { Schema } from './schema.ts';

export interface SetAsideRun {
  readonly tenant: string;
  readonly run: string;
  /** Why it could not be read, in words. */
  readonly problem: string;
  /** Whose it is; null for a call that no device made. */
  readonly device: string | null;
  /** How its owner ended it. */
  readonly ended: 'failed' | 'cancelled' | undefined;
}

export interface SetAside {
  /** Sets a run aside, and tells its conversation; undefined when its owner ended it, or there is no such run. */
  add(tenant: string, run: string, problem: string): Promise<{ readonly conversation: string | null } | undefined>;
  find(tenant: string, run: string): Promise<SetAsideRun | undefined>;
  /** Those that nobody ended and that a version before this one met, of all tenants, oldest first. */
  open(before: number, limit: number): Promise<SetAsideRun[]>;
  /** It can be read again: it goes on where it stood. */
  resume(tenant: string, run: string, trx?: Transaction<Schema>): Promise<void>;
  /**
   * Ends it without reading it; false when it is not set aside, or has ended. A last event that nobody can read keeps every
   * version, also one that could read the others, from going on with it.
   */
  end(
    tenant: string,
    run: string,
    how: 'failed' | 'cancelled',
    by: string,
    trx?: Transaction<Schema>,
  ): Promise<boolean>;
}

/** Why its dispatches wait. */
const REASON = 'set aside';

/** Records in the same transaction who ended what. */
export type AuditEnd = (
  trx: Transaction<Schema>,
  entry: { tenant: string; principal: string; action: string; subject: string; detail: { problem: string } },
) => Promise<void>;

export function createSetAside(db: Kysely<Schema>, audit: AuditEnd): SetAside {
  const rows = () =>
    db
      .selectFrom('set_aside')
      .leftJoin('run', (join) =>
        join.onRef('run.tenant', '=', 'set_aside.tenant').onRef('run.id', '=', 'set_aside.run'),
      )
      .select([
        'set_aside.tenant',
        'set_aside.run',
        'set_aside.problem',
        'set_aside.ended_at',
        'run.state',
        'run.device',
      ]);
  const shown = ({
    tenant,
    run,
    problem,
    ended_at,
    state,
    device,
  }: Awaited<ReturnType<ReturnType<typeof rows>['execute']>>[0]) => ({
    tenant,
    run,
    problem,
    device,
    ended: ended_at === null ? undefined : state === 'cancelled' ? ('cancelled' as const) : ('failed' as const),
  });
  const begin = <T>(within: Transaction<Schema> | undefined, run: (trx: Transaction<Schema>) => Promise<T>) =>
    within ? run(within) : db.transaction().execute(run);
  return guarded<SetAside>({
    add: (tenant, run, problem) => db.transaction().execute((trx) => add(trx, { tenant, run }, problem)),
    async find(tenant, run) {
      const query = rows().where('set_aside.tenant', '=', tenant).where('set_aside.run', '=', run);
      const row = await query.executeTakeFirst();
      return row && shown(row);
    },
    async open(before, limit) {
      const query = rows().where('set_aside.ended_at', 'is', null).where('version', '<', before);
      return (await query.orderBy('since').limit(limit).execute()).map(shown);
    },
    resume: (tenant, run, within) => begin(within, (trx) => resume(trx, { tenant, run })),
    end: (tenant, run, how, by, within) => begin(within, (trx) => end(trx, audit, { tenant, run }, how, by)),
  });
}

interface RunRef {
  readonly tenant: string;
  readonly run: string;
}

/** Its dispatches wait and its timers rest until it goes on. */
async function add(trx: Transaction<Schema>, { tenant, run }: RunRef, problem: string) {
  const { rows: added } = await sql<{ conversation: string | null }>`
    with added as (
      insert into set_aside (tenant, run, problem, version)
      select r.tenant, r.id, ${problem}, ${EVENT_VERSION}::int from run r
      where r.tenant = ${tenant} and r.id = ${run}
      on conflict (tenant, run) do update set problem = excluded.problem, version = excluded.version
      where set_aside.ended_at is null
      returning tenant, run)
    select r.conversation from added join run r on r.tenant = added.tenant and r.id = added.run`.execute(trx);
  const [found] = added;
  if (!found) return undefined;
  await trx
    .updateTable('outbox')
    .set({ state: 'waiting', reason: REASON })
    .where('tenant', '=', tenant)
    .where('run', '=', run)
    .where('state', '=', 'ready')
    .execute();
  // Not infinity: what is subtracted from it must be a number.
  const never = sql<Date>`'9999-01-01'::timestamptz`;
  await trx.updateTable('timers').set({ wake: never }).where('tenant', '=', tenant).where('stream', '=', run).execute();
  return { conversation: found.conversation };
}

async function resume(trx: Transaction<Schema>, { tenant, run }: RunRef): Promise<void> {
  const gone = await trx
    .deleteFrom('set_aside')
    .where('tenant', '=', tenant)
    .where('run', '=', run)
    .where('ended_at', 'is', null)
    .returning('run')
    .executeTakeFirst();
  if (!gone) return;
  await trx
    .updateTable('outbox')
    .set({ state: 'ready', reason: null, queued_at: null })
    .where('tenant', '=', tenant)
    .where('run', '=', run)
    .where('reason', '=', REASON)
    .execute();
  await sql`update timers set wake = due where tenant = ${tenant} and stream = ${run}`.execute(trx);
}

/** Its stream gets an event that no version reads, and its dispatches and timers are gone. */
async function end(
  trx: Transaction<Schema>,
  audit: AuditEnd,
  { tenant, run }: RunRef,
  how: 'failed' | 'cancelled',
  by: string,
): Promise<boolean> {
  const ended = await trx
    .updateTable('set_aside')
    .set({ ended_at: sql<Date>`now()` })
    .where('tenant', '=', tenant)
    .where('run', '=', run)
    .where('ended_at', 'is', null)
    .returning('problem')
    .executeTakeFirst();
  if (!ended) return false;
  await sql`with s as (
      update streams set version = version + 1 where tenant = ${tenant} and id = ${run} returning tenant, id, version)
    insert into events (tenant, stream, version, type, at, data)
    select tenant, id, version, 'ended-unread', now(), '\\xffff'::bytea from s`.execute(trx);
  const at = sql<Date>`now()`;
  await trx
    .updateTable('run')
    .set({ state: how, reason: how === 'cancelled' ? 'CANCELED' : 'RUN_SET_ASIDE', ended_at: at })
    .where('tenant', '=', tenant)
    .where('id', '=', run)
    .where('ended_at', 'is', null)
    .execute();
  await sql`update job set state = 'unknown', ended_at = now()
    where tenant = ${tenant} and run = ${run} and ended_at is null`.execute(trx);
  await trx.deleteFrom('outbox').where('tenant', '=', tenant).where('run', '=', run).execute();
  await trx.deleteFrom('timers').where('tenant', '=', tenant).where('stream', '=', run).execute();
  const detail = { problem: ended.problem };
  await audit(trx, { tenant, principal: by, action: 'run.end', subject: `run:${run}`, detail });
  return true;
}
