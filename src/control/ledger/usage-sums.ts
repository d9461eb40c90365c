// What jobs used of paid models, summed up. The records are written with the results, one per charged attempt.
import { type Kysely, sql } from 'kysely';
import { inStore } from '../../base/sql-failure.ts';
import type { Schema } from '../store/schema.ts';

export interface UsageTotal {
  readonly provider: string;
  readonly model: string;
  readonly jobs: number;
  readonly inputTokens: number;
  readonly outputTokens: number;
  readonly costMicros: number;
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
