// What jobs used of models, summed up. The rows are written with the results, one per charged attempt.
import { type Kysely, sql } from 'kysely';
import { inStore } from '../../base/sql-failure.ts';
import type { Schema } from '../store/schema.ts';

export type UsageKey = 'model' | 'day' | 'conversation' | 'device' | 'tool';

export interface UsageTotal {
  /** What it is the sum of: a day (UTC), the id of a conversation or device, a method; empty by model, and for use without one. */
  readonly key: string;
  /** Of that conversation or device; empty where there is none. */
  readonly title: string;
  /** Empty but by model. */
  readonly provider: string;
  readonly model: string;
  readonly jobs: number;
  readonly inputTokens: number;
  readonly outputTokens: number;
  readonly costMicros: number;
}

/** Sums of one answer. */
const MOST = 1000;

const KEYS = {
  model: sql<string>`''`,
  day: sql<string>`to_char(at at time zone 'UTC', 'YYYY-MM-DD')`,
  conversation: sql<string>`coalesce(conversation, '')`,
  device: sql<string>`coalesce(device, '')`,
  tool: sql<string>`method`,
} as const;

const TITLES = {
  conversation: sql<string>`(select c.title from conversation c where c.tenant = u.tenant and c.id = u.key)`,
  device: sql<string>`(select d.name from device d where d.tenant = u.tenant and d.id = u.key)`,
} as const;

const isTitled = (by: UsageKey): by is keyof typeof TITLES => by === 'conversation' || by === 'device';

/** Totals of a tenant since a time (milliseconds since 1970): by day the oldest first, else the dearest first. */
export async function usageSince(
  db: Kysely<Schema>,
  tenant: string,
  since: number,
  by: UsageKey = 'model',
): Promise<UsageTotal[]> {
  const names = by === 'model' ? sql`provider, model` : sql`'' as provider, '' as model`;
  const title = isTitled(by) ? TITLES[by] : sql`null`;
  const order = by === 'day' ? sql`key` : sql`cost desc, input + output desc, key, provider, model`;
  const query = sql<
    Record<'key' | 'title' | 'provider' | 'model' | 'jobs' | 'input' | 'output' | 'cost', string | null>
  >`
    select u.*, ${title} as title from (
      select tenant, ${KEYS[by]} as key, ${names}, count(distinct job) filter (where jobs = 0) + coalesce(sum(jobs), 0) as jobs, sum(input_tokens) as input,
        sum(output_tokens) as output, sum(cost_micros) as cost
      from ledger_usage where tenant = ${tenant} and at >= ${new Date(since)}
      group by 1, 2, 3, 4) u
    order by ${order} limit ${MOST}`;
  const { rows } = await inStore(() => query.execute(db));
  return rows.map(({ key, title: named, provider, model, jobs, input, output, cost }) => ({
    key: key ?? '',
    title: named ?? '',
    provider: provider ?? '',
    model: model ?? '',
    jobs: Number(jobs),
    inputTokens: Number(input),
    outputTokens: Number(output),
    costMicros: Number(cost),
  }));
}
