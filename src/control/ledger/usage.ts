// What jobs used of paid models, one record per charged attempt. It counts; limits are judged elsewhere.
import { type Kysely, sql } from 'kysely';
import type { Schema } from '../store/schema.ts';
import { inStore } from '../store/sql-failure.ts';

export interface UsageRecord {
  readonly tenant: string;
  readonly run: string;
  readonly job: string;
  readonly provider: string;
  readonly model: string;
  readonly inputTokens: number;
  readonly outputTokens: number;
  /** Millionths of the currency. */
  readonly costMicros: number;
}

export interface UsageTotal {
  readonly provider: string;
  readonly model: string;
  readonly jobs: number;
  readonly inputTokens: number;
  readonly outputTokens: number;
  readonly costMicros: number;
}

/** Appends records in one statement. Late results are charged too, so a job may have several. */
export async function recordUsage(db: Kysely<Schema>, records: readonly UsageRecord[]): Promise<void> {
  if (records.length === 0) return;
  const rows = records.map(({ tenant, run, job, provider, model, inputTokens, outputTokens, costMicros }) => ({
    tenant,
    run,
    job,
    provider,
    model,
    input_tokens: inputTokens,
    output_tokens: outputTokens,
    cost_micros: costMicros,
  }));
  await inStore(() => db.insertInto('ledger_usage').values(rows).execute());
}

/** Totals of a tenant since a time (milliseconds since 1970), by provider and model, the dearest first. */
export async function usageSince(db: Kysely<Schema>, tenant: string, since: number): Promise<UsageTotal[]> {
  const query = db
    .selectFrom('ledger_usage')
    .select((use) => [
      'provider',
      'model',
      use.fn.countAll().as('jobs'),
      use.fn.sum('input_tokens').as('input'),
      use.fn.sum('output_tokens').as('output'),
      use.fn.sum('cost_micros').as('cost'),
    ])
    .where('tenant', '=', tenant)
    .where('at', '>=', new Date(since))
    .groupBy(['provider', 'model'])
    .orderBy(sql`sum(cost_micros)`, 'desc')
    .orderBy('provider')
    .orderBy('model');
  const rows = await inStore(() => query.execute());
  return rows.map(({ provider, model, jobs, input, output, cost }) => ({
    provider,
    model,
    jobs: Number(jobs),
    inputTokens: Number(input),
    outputTokens: Number(output),
    costMicros: Number(cost),
  }));
}
