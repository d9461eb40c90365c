// The money of one run. Pure.
import { AppError } from '../../../base/errors.ts';
import type { FoldedRun } from './state.ts';

/**
 * LIMIT_EXCEEDED when a run has spent what it may; undefined while it may go on, or when it has no such limit.
 * @param more millionths that are spent and not charged yet
 */
export function metMoney({ limits, usage }: FoldedRun, more = 0): AppError | undefined {
  const { maxCostMicros } = limits;
  if (maxCostMicros <= 0 || usage.costMicros + more < maxCostMicros) return undefined;
  const limit = (maxCostMicros / 1e6).toFixed(2);
  return new AppError('LIMIT_EXCEEDED', {
    what: 'the money of this run',
    limit,
    setting: 'BOWLINE_MAX_RUN_COST_MICROS',
  });
}
