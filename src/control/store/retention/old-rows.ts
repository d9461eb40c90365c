// Removes rows that are kept for a time and depend on nothing else: commands, audit, usage, past periods of budgets, join tokens, notes of
// removed runs. Uses of models become sums of their day first, so that budgets and reports go on to have them.
import { archiveOwner } from '../removed-runs.ts';
import { type RemovalBatch, type RemovalBatches, timeInDatabase } from './batches.ts';

export interface KeepRows {
  readonly commandsMs: number;
  readonly auditMs: number;
  readonly usageMs: number;
  readonly usageSumsMs: number;
  readonly removedMs: number;
}

/** A join token is good for a day at most; for so long afterwards its repeat is answered as the first time. */
const JOIN_TOKEN_DAYS = 30;

/** Removes what `keep` does not keep; returns how many commands were forgotten. */
export async function removeOldRows(batches: RemovalBatches, keep: KeepRows): Promise<number> {
  const commands = await batches.run(older('inbox', keep.commandsMs));
  await batches.run(forgotten(keep.removedMs));
  for (const tenant of await tenantsOf(batches, 'audit')) {
    await batches.run(older('audit', keep.auditMs, tenant));
  }
  for (const tenant of await tenantsOf(batches, 'ledger_usage')) {
    if (keep.usageMs < keep.usageSumsMs) await batches.run(summedUp(tenant, keep.usageMs));
    await batches.run(older('ledger_usage', keep.usageSumsMs, tenant));
  }
  await batches.run(
    once(
      `/* keep_periods */ delete from budget_period p
    where start < now() - $1::float8 * interval '1 millisecond' and not exists (
      select from reservation r where r.tenant = p.tenant and r.budget = p.budget and r.start = p.start)`,
      [timeInDatabase(keep.usageSumsMs)],
    ),
  );
  await batches.run(
    once(
      `/* keep_tokens */ delete from join_token
    where expires_at < now() - interval '${JOIN_TOKEN_DAYS} days'`,
      [],
    ),
  );
  await batches.run(once('/* keep_notes */ delete from owner_note where expires_at < now()', []));
  return commands;
}

/** The tenants that have rows in a table, by steps through the index that begins with them. */
export async function tenantsOf(
  batches: RemovalBatches,
  table: 'run' | 'conversation' | 'audit' | 'ledger_usage',
): Promise<string[]> {
  const found: string[] = [];
  await batches.run(async (client) => {
    const { rows } = await client.query<{ tenant: string }>(
      `/* keep_tenants */ with recursive t (tenant) as (
         select min(tenant) from ${table}
         union all select (select min(tenant) from ${table} where tenant > t.tenant) from t where t.tenant is not null)
       select tenant from t where tenant is not null`,
    );
    found.push(...rows.map(({ tenant }) => tenant));
    return { removed: 0, more: false };
  });
  return found;
}

// By ctid: any other way to name the rows makes the planner read the whole table for each batch.
function older(table: 'inbox' | 'audit' | 'ledger_usage', ms: number, tenant?: string): RemovalBatch {
  return async (client, limit) => {
    if (ms === Number.POSITIVE_INFINITY) return { removed: 0, more: false };
    const { rowCount } = await client.query(
      `/* keep_${table} */ delete from ${table} where ctid = any(array(
         select ctid from ${table} where ${tenant === undefined ? '' : 'tenant = $3 and '}at < now() - $1::float8 * interval '1 millisecond'
         order by at limit $2 for update skip locked))`,
      [ms, limit, ...(tenant === undefined ? [] : [tenant])],
    );
    return { removed: rowCount ?? 0, more: (rowCount ?? 0) >= limit };
  };
}

/** Notes of removed runs, and with them what the archive has of those: its blobs have no owner from then on. */
const forgotten =
  (ms: number): RemovalBatch =>
  async (client, limit) => {
    if (ms === Number.POSITIVE_INFINITY) return { removed: 0, more: false };
    const { rows } = await client.query<{ removed: number }>(
      `/* keep_removed_run */ with gone as (
         delete from removed_run where ctid = any(array(
           select ctid from removed_run where removed_at < now() - $1::float8 * interval '1 millisecond'
           order by removed_at limit $2 for update skip locked))
         returning tenant, id, archive),
       freed as (
         delete from blob_owner o using gone g
         where g.archive is not null and o.tenant = g.tenant and o.owner = $3 || g.id and o.held)
       select count(*)::int as removed from gone`,
      [ms, limit, archiveOwner('')],
    );
    const removed = rows[0]?.removed ?? 0;
    return { removed, more: removed >= limit };
  };

/** For what is always little. */
const once =
  (text: string, values: readonly unknown[]): RemovalBatch =>
  async (client) => ({ removed: (await client.query(text, [...values])).rowCount ?? 0, more: false });

/** What makes two uses one sum. A conversation that is gone is none. */
const ALIKE = `day, provider, model, method, device, principal, estimated, conversation`;

/**
 * Single uses become sums of their day (UTC), and sums of that day that are there already are added to them. One statement: what was
 * used is in the table exactly once whatever happens. A sum has the time of its latest use, and no job.
 */
function summedUp(tenant: string, ms: number): RemovalBatch {
  return async (client, limit) => {
    const { rows } = await client.query<{ taken: number }>(
      `/* keep_usage */ with old as materialized (
         select ctid as row, at from ledger_usage
         where tenant = $1 and at < now() - $2::float8 * interval '1 millisecond' and jobs = 0
         order by at limit $3 for update skip locked),
       taken as (
         delete from ledger_usage u where u.ctid = any (array(select row from old union all
           select ctid from ledger_usage where tenant = $1 and jobs > 0
             and at >= (select date_trunc('day', min(at) at time zone 'UTC') at time zone 'UTC' from old)
             and at < (select (date_trunc('day', max(at) at time zone 'UTC') + interval '1 day') at time zone 'UTC' from old)))
         returning u.*, date_trunc('day', u.at at time zone 'UTC') as day),
       known as (
         select t.*, (select c.id from conversation c where c.tenant = t.tenant and c.id = t.conversation) as known_conversation from taken t),
       summed as (
         insert into ledger_usage (tenant, run, job, provider, model, method, device, principal, estimated, conversation,
           input_tokens, output_tokens, cached_tokens, cost_micros, at, jobs)
         select tenant, '', '', provider, model, method, device, principal, estimated, known_conversation,
           sum(input_tokens), sum(output_tokens), sum(cached_tokens), sum(cost_micros), max(at), sum(greatest(jobs, 1))
         from known group by tenant, ${ALIKE.replace('conversation', 'known_conversation')})
       select count(*)::int as taken from old`,
      [tenant, ms, limit],
    );
    const taken = rows[0]?.taken ?? 0;
    return { removed: taken, more: taken >= limit };
  };
}
