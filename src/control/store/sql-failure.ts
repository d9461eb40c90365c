// What a failed statement means for whoever sent it. It decides nothing itself.
import { AppError } from '../../base/errors.ts';
import { sqlProblem, sqlState } from '../../base/postgres.ts';

/**
 * - again: lost a race (deadlock, serialization, half-matched unit); the same statement may pass now.
 * - slow: the server cut it at its statement timeout.
 * - unreachable: no answer, or a server that takes no writes now; whether it was committed is unknown.
 * - refused: the server will not have this statement, today or tomorrow.
 */
export type SqlFailure = 'again' | 'slow' | 'unreachable' | 'refused';

export function sqlFailure(error: unknown): SqlFailure {
  const state = sqlState(error);
  if (state === undefined) return 'unreachable';
  if (state === '40001' || state === '40P01' || state === '55P03' || state === 'BW001') return 'again';
  if (state === '57014') return 'slow';
  // Connection trouble, shutdown or start-up, no resources (disk full among them), a server turned read-only.
  if (/^(08|53|58)/.test(state) || /^57P0[1235]$/.test(state) || state === '25006') return 'unreachable';
  return 'refused';
}

/** The error to throw for a failed statement: STORE_REFUSED when asking again cannot help, else STORE_UNAVAILABLE. */
export function storeError(error: unknown): AppError {
  const reason = sqlFailure(error) === 'refused' ? 'STORE_REFUSED' : 'STORE_UNAVAILABLE';
  return new AppError(reason, { problem: sqlProblem(error) }, { cause: error });
}

/** Runs statements; what the driver throws becomes `storeError`, an AppError passes. */
export async function inStore<T>(run: () => Promise<T>): Promise<T> {
  try {
    return await run();
  } catch (error) {
    throw error instanceof AppError ? error : storeError(error);
  }
}
