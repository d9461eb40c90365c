// What a failed statement of retrieval means for whoever sent it.
import { AppError } from '../../../../base/errors.ts';
import { isFinal, sqlProblem, sqlState } from '../../../../base/postgres.ts';

/** Whether the same transaction may pass now: it lost a race. */
export const lostRace = (error: unknown): boolean => ['40001', '40P01', '55P03'].includes(sqlState(error) ?? '');

/** STORE_REFUSED when the statement itself can never be done (see `isFinal`), else STORE_UNAVAILABLE. An AppError stays what it is. */
export function passageStoreError(error: unknown): AppError {
  if (error instanceof AppError) return error;
  const reason = isFinal(error) ? 'STORE_REFUSED' : 'STORE_UNAVAILABLE';
  return new AppError(reason, { problem: sqlProblem(error) }, { cause: error });
}
