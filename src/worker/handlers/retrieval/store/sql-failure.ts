// What a failed statement of retrieval means for whoever sent it.
import { AppError } from '../../../../base/errors.ts';
import { sqlProblem, sqlState } from '../../../../base/postgres.ts';

/** Whether the same transaction may pass now: it lost a race. */
export const lostRace = (error: unknown): boolean => ['40001', '40P01', '55P03'].includes(sqlState(error) ?? '');

/** STORE_REFUSED when asking again cannot help, else STORE_UNAVAILABLE. An AppError stays what it is. */
export function storeError(error: unknown): AppError {
  if (error instanceof AppError) return error;
  const state = sqlState(error);
  const passing = state === undefined || /^(08|40|53|55|57|58)/.test(state) || state === '25006';
  return new AppError(
    passing ? 'STORE_UNAVAILABLE' : 'STORE_REFUSED',
    { problem: sqlProblem(error) },
    { cause: error },
  );
}
