// What a row of the tables of errors says.
import type { Code } from '../status-codes.ts';

export interface Row {
  readonly code: Code;
  /** Whether the same call may succeed later without a change. */
  readonly retryable: boolean;
  /** Public text: what, where, what to do. `{key}` is replaced from the metadata; `{{word}}` is told as `{word}`. */
  readonly message: string;
  /** Exit code when it ends a verb; by default derived from the code. */
  readonly exit?: number;
}

export const row = (code: Code, message: string, more: { retryable?: boolean; exit?: number } = {}): Row => ({
  code,
  message,
  retryable: more.retryable ?? (code === 'unavailable' || code === 'aborted'),
  ...(more.exit === undefined ? {} : { exit: more.exit }),
});
