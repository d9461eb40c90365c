// What a failed statement means for whoever sent it. It decides nothing itself.
import { AppError } from './errors.ts';
import { endsConnection, isFinal, sqlProblem, sqlState } from './postgres.ts';

/**
 * - again: lost a race (deadlock, serialization, half-matched unit); the same statement may pass now.
 * - slow: the server cut it at its statement timeout.
 * - unreachable: no answer, or a server, role or schema that takes no statement of ours now; whether it was committed is unknown.
 * - unclear: the server failed at this statement, and whether its values are the reason cannot be told. It may pass later.
 * - refused: the statement itself can never be done, today or tomorrow (see `isFinal`).
 */
export type SqlFailure = 'again' | 'slow' | 'unreachable' | 'unclear' | 'refused';

const RACES: ReadonlySet<string> = new Set(['40001', '40P01', '55P03', 'BW001']);

/**
 * Classes whose errors meet every statement alike, because they are about the connection, the role, the rights, the tables
 * or the resources: 08, 0A (a plan older than its table), 25, 26 (a forgotten prepared statement), 28, 3D, 3F, 42, 53, 55, 57, 58.
 */
const SERVER = /^(08|0A|25|26|28|3D|3F|42|53|55|57|58)/;

export function sqlFailure(error: unknown): SqlFailure {
  if (error instanceof AppError) return error.reason === 'STORE_REFUSED' ? 'refused' : 'unreachable';
  const state = sqlState(error);
  if (state === undefined || endsConnection(error)) return 'unreachable';
  if (RACES.has(state)) return 'again';
  if (state === '57014') return 'slow';
  if (isFinal(error)) return 'refused';
  return SERVER.test(state) ? 'unreachable' : 'unclear';
}

/** The error to throw for a failed statement: STORE_REFUSED when the statement itself can never be done, else STORE_UNAVAILABLE. */
export function storeError(error: unknown): AppError {
  const reason = sqlFailure(error) === 'refused' ? 'STORE_REFUSED' : 'STORE_UNAVAILABLE';
  return new AppError(reason, { problem: sqlProblem(error) }, { cause: error });
}

/** An AppError stays what it is; what the driver throws becomes `storeError`. */
export const asStoreError = (error: unknown): AppError => (error instanceof AppError ? error : storeError(error));

/** Runs statements; throws `asStoreError`. */
export async function inStore<T>(run: () => Promise<T>): Promise<T> {
  try {
    return await run();
  } catch (error) {
    throw asStoreError(error);
  }
}
