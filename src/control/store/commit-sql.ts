// The one statement that commits a batch of units: a call of the function that migrations/0013-commit-function.ts makes, where
// the rules stand. How its parameters are made stands in commit-encode.ts. Two units of one batch never share a stream or an inbox key.
import type { OverBudget } from './unit.ts';

export const COMMIT_SQL = `select at, unfit
  from bowline_commit_1($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14)`;

/** The same for a batch in which money plays a part; see migrations/0016-budgets.ts. */
export const BUDGET_COMMIT_SQL = `select at, unfit, over
  from bowline_commit_2($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18)`;

/** What it answers: all units were committed at this time, in milliseconds since 1970, or none, because of those that do not fit. */
export interface CommitAnswer {
  readonly at: number;
  readonly unfit: readonly UnfitUnit[] | null;
  readonly over?: readonly OverUnit[] | null;
}

/** A job of a unit for which a budget has no room beside what stands before it in the batch. */
export interface OverUnit extends OverBudget {
  /** The place of the unit in the batch, from 1. */
  readonly unit: number;
}

/** A unit that is neither seen nor fenced is stale. */
export interface UnfitUnit {
  /** Its place in the batch, from 1. */
  readonly unit: number;
  /** What is in the inbox for its command, in hex. */
  readonly outcome: string | null;
  readonly fenced: boolean | null;
}
