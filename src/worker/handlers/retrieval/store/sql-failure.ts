// What a failed statement of retrieval means for whoever sent it.
import pg from 'pg';
import { AppError } from '../../../../base/errors.ts';

/** SQLSTATE of an error of the server; undefined when it came from elsewhere. */
export const sqlState = (error: unknown): string | undefined =>
  error instanceof pg.DatabaseError ? error.code : undefined;

/** Whether the same transaction may pass now: it lost a race. */
export const lostRace = (error: unknown): boolean => ['40001', '40P01', '55P03'].includes(sqlState(error) ?? '');

/** One line for an error's metadata: never a value from a row. */
export function sqlProblem(error: unknown): string {
  const state = sqlState(error);
  if (state === '53100') return 'its disk is full';
  if (state !== undefined) return `SQLSTATE ${state}`;
  if (error instanceof AggregateError) return sqlProblem(error.errors[0]);
  return error instanceof Error ? ((error as NodeJS.ErrnoException).code ?? error.message) : 'unknown';
}

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
