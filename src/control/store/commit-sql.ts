// The one statement that commits a batch of units: a call of the function that migrations/0013-commit-function.ts makes, where
// the rules stand. How its parameters are made stands in commit-encode.ts. Two units of one batch never share a stream or an inbox key.
import { rows } from './migrations/text-rows.ts';

export const COMMIT_SQL = `select at, unfit
  from bowline_commit_1($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14)`;

const USAGE = rows(
  '($15::text[])',
  `tenant, run, job, provider, model, input_tokens bigint, output_tokens bigint, cost_micros bigint, epoch bigint, method,
  conversation, device, principal, cached_tokens bigint, estimated boolean`,
);

/** The same for a batch that was charged something; the rows of the ledger come last. */
export const COMMIT_USAGE_SQL = `with done as materialized (${COMMIT_SQL}), used as (
  insert into ledger_usage (tenant, run, job, provider, model, input_tokens, output_tokens, cost_micros, epoch, method,
    conversation, device, principal, cached_tokens, estimated, at)
  select tenant, run, job, provider, model, input_tokens, output_tokens, cost_micros, epoch, method,
    conversation, device, principal, cached_tokens, estimated, to_timestamp(done.at::float8 / 1000)
  from done, ${USAGE} u where done.unfit is null)
select at, unfit from done`;

/** What it answers: all units were committed at this time, in milliseconds since 1970, or none, because of those that do not fit. */
export interface CommitAnswer {
  readonly at: number;
  readonly unfit: readonly UnfitUnit[] | null;
}

/** A unit that is neither seen nor fenced is stale. */
export interface UnfitUnit {
  /** Its place in the batch, from 1. */
  readonly unit: number;
  /** What is in the inbox for its command, in hex. */
  readonly outcome: string | null;
  readonly fenced: boolean | null;
}
