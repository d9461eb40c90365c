// What a row of the tables of errors says, and which names its text has to be given.
import type { Code } from '../status-codes.ts';

export interface ErrorRow<Text extends string = string> {
  readonly code: Code;
  /** Whether the same call may succeed later without a change. */
  readonly retryable: boolean;
  /** Public text: what, where, what to do. `{key}` is replaced from the metadata; `{{word}}` is told as `{word}`. */
  readonly message: Text;
  /** The same where a device keeps the values to itself: a sentence without them. */
  readonly bare?: string;
  /** Exit code when it ends a verb; by default derived from the code. */
  readonly exit?: number;
}

export const row = <Text extends string>(
  code: Code,
  message: Text,
  more: { retryable?: boolean; exit?: number; bare?: string } = {},
): ErrorRow<Text> => ({
  code,
  message,
  retryable: more.retryable ?? (code === 'unavailable' || code === 'aborted'),
  ...(more.exit === undefined ? {} : { exit: more.exit }),
  ...(more.bare === undefined ? {} : { bare: more.bare }),
});

/** The names in single braces of a text: what whoever throws the error must give. */
export type Placeholders<Text extends string> = Text extends `${string}{${infer Name}}${infer Rest}`
  ? (Name extends `{${string}` ? never : Name) | Placeholders<Rest>
  : never;
