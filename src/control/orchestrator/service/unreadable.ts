// Errors that say that a history cannot be read by this version: whatever else is done must go on without it.
import { AppError } from '../../../base/errors.ts';

export const isUnreadable = (error: unknown): boolean =>
  error instanceof AppError && (error.reason === 'RUN_SET_ASIDE' || error.reason === 'CONVERSATION_UNREADABLE');

/** What was read, or undefined where it cannot be. */
export async function ifReadable<T>(read: Promise<T>): Promise<T | undefined> {
  try {
    return await read;
  } catch (error) {
    if (isUnreadable(error)) return undefined;
    throw error;
  }
}
