// Budgets in the database: made, changed, removed and read. What is spent and reserved of them the commits write.
import { type Kysely, sql, type Transaction } from 'kysely';
import { AppError } from '../../base/errors.ts';
import { fixedLimit } from '../../base/fixed-limit.ts';
import { inStore } from '../../base/sql-failure.ts';
import type { Schema } from '../store/schema.ts';
import { writeAudit } from './audit.ts';

export interface BudgetTerms {
  readonly tenant: string;
  readonly id: string;
  readonly scope: Schema['budget']['scope'];
  readonly subject: string;
  readonly period: Schema['budget']['period'];
  /** Millionths; null is no limit. */
  readonly limitMicros: number | null;
  readonly limitTokens: number | null;
  readonly warnPercent: readonly number[];
}

export interface BudgetUse extends BudgetTerms {
  /** Name of a device; else as `subject`. */
  readonly title: string;
  readonly spentMicros: number;
  readonly spentTokens: number;
  readonly reservedMicros: number;
  readonly reservedTokens: number;
  /** Spent and reserved. */
  readonly usedMicros: number;
  readonly usedTokens: number;
  /** When it begins anew. */
  readonly until: Date;
}

/** Of one tenant. */
export const MOST_BUDGETS = 100;

const START = sql`date_trunc(b.period, now() at time zone 'UTC') at time zone 'UTC'`;

/** Those of one tenant by id, or of all. */
export async function budgetsOf(db: Kysely<Schema>, tenant?: string): Promise<BudgetUse[]> {
  const query = sql<Record<string, unknown> & BudgetUse>`
    select b.tenant, b.id, b.scope, b.subject, b.period, b.limit_micros as "limitMicros", b.limit_tokens as "limitTokens",
      b.warn_percent as "warnPercent", coalesce(d.name, b.subject) as title,
      coalesce(p.spent_micros, 0) as "spentMicros", coalesce(p.spent_tokens, 0) as "spentTokens",
      coalesce(p.reserved_micros, 0) as "reservedMicros", coalesce(p.reserved_tokens, 0) as "reservedTokens",
      coalesce(p.spent_micros + p.reserved_micros, 0) as "usedMicros",
      coalesce(p.spent_tokens + p.reserved_tokens, 0) as "usedTokens",
      (date_trunc(b.period, now() at time zone 'UTC') + ('1 ' || b.period)::interval) at time zone 'UTC' as until
    from budget b
    left join budget_period p on p.tenant = b.tenant and p.budget = b.id and p.start = ${START}
    left join device d on b.scope = 'device' and d.tenant = b.tenant and d.id = b.subject
    where ${tenant === undefined ? sql`true` : sql`b.tenant = ${tenant}`}
    order by b.tenant, b.id`;
  return (await inStore(() => query.execute(db))).rows;
}

/**
 * Makes one, or changes limits and warnings of one. No commit is between its look for budgets and its end meanwhile, so what was spent is
 * what the ledger has. Throws NOT_FOUND for a device that there is not, INVALID_ARGUMENT where it is of something else already.
 */
export async function setBudget(trx: Transaction<Schema>, wanted: BudgetTerms, by: string): Promise<void> {
  const { tenant, id, scope, period, limitMicros, limitTokens, warnPercent } = wanted;
  // Commits look for budgets in a mode that this one excludes; a backup does not.
  await sql`set local lock_timeout = '5s'`.execute(trx);
  await sql`lock table budget in exclusive mode`.execute(trx);
  const subject = scope === 'device' ? await deviceId(trx, tenant, wanted.subject) : wanted.subject;
  const own = await trx.selectFrom('budget').selectAll().where('tenant', '=', tenant).execute();
  const known = own.find((each) => each.id === id);
  const limits = { limit_micros: limitMicros, limit_tokens: limitTokens, warn_percent: [...warnPercent] };
  if (known && (known.scope !== scope || known.subject !== subject || known.period !== period)) {
    const what = `the budget ${id} is of something else, or of another period; remove it first (\`bowline budgets rm ${id}\`)`;
    throw new AppError('INVALID_ARGUMENT', { what });
  }
  if (known) await trx.updateTable('budget').set(limits).where('tenant', '=', tenant).where('id', '=', id).execute();
  else {
    if (own.length >= MOST_BUDGETS)
      throw fixedLimit('the number of budgets', MOST_BUDGETS, 'remove some (`bowline budgets rm NAME`)');
    await trx
      .insertInto('budget')
      .values({ tenant, id, scope, subject, period, ...limits })
      .execute();
    await sql`insert into budget_period (tenant, budget, start, spent_micros, spent_tokens)
      select b.tenant, b.id, ${START}, coalesce(sum(u.cost_micros), 0), coalesce(sum(u.input_tokens + u.output_tokens), 0)
      from budget b left join ledger_usage u on u.tenant = b.tenant and u.at >= ${START} and case b.scope
        when 'tenant' then true
        when 'device' then b.subject = u.device
        when 'conversation' then b.subject = u.conversation
        when 'key' then b.subject = split_part(u.principal, ':', 2)
        else b.subject in (u.model, u.provider || '/' || u.model) end
      where b.tenant = ${tenant} and b.id = ${id} group by b.tenant, b.id, b.period`.execute(trx);
  }
  const detail = { scope, subject, period, limitMicros: limitMicros ?? 0, limitTokens: limitTokens ?? 0 };
  await writeAudit(trx, [{ tenant, principal: by, action: 'budget.set', subject: `budget:${id}`, detail }]);
}

/** False when there is none. */
export async function removeBudget(trx: Transaction<Schema>, tenant: string, id: string, by: string): Promise<boolean> {
  const gone = await trx
    .deleteFrom('budget')
    .where('tenant', '=', tenant)
    .where('id', '=', id)
    .returning('id')
    .execute();
  if (gone.length === 0) return false;
  await trx.deleteFrom('budget_period').where('tenant', '=', tenant).where('budget', '=', id).execute();
  await trx.deleteFrom('reservation').where('tenant', '=', tenant).where('budget', '=', id).execute();
  await writeAudit(trx, [{ tenant, principal: by, action: 'budget.remove', subject: `budget:${id}` }]);
  return true;
}

async function deviceId(trx: Transaction<Schema>, tenant: string, name: string): Promise<string> {
  const found = await trx
    .selectFrom('device')
    .select('id')
    .where('tenant', '=', tenant)
    .where((or) => or.or([or('id', '=', name), or('name', '=', name)]))
    .executeTakeFirst();
  if (found) return found.id;
  throw new AppError('NOT_FOUND', { kind: 'device' });
}
