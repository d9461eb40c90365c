// The one error type of Bowline, and every reason that it has: the tables by area stand in error-tables/. Translated once, at
// each program's edge; never builds wire messages itself.
import { CONTROL_ERRORS } from './error-tables/control.ts';
import { EDGE_ERRORS } from './error-tables/edge.ts';
import { EDGE_TOOL_ERRORS } from './error-tables/edge-tools.ts';
import { PAIRED_KEY_ERRORS } from './error-tables/paired-keys.ts';
import type { ErrorRow, Placeholders } from './error-tables/row.ts';
import { SHARED_ERRORS } from './error-tables/shared.ts';
import { WORKER_ERRORS } from './error-tables/worker.ts';
import { type Code, exitOf } from './status-codes.ts';

/** Every reason that Bowline gives. The key is the `reason` of `google.rpc.ErrorInfo`; the domain is `bowline`. */
export const ERRORS = {
  ...SHARED_ERRORS,
  ...CONTROL_ERRORS,
  ...EDGE_ERRORS,
  ...EDGE_TOOL_ERRORS,
  ...PAIRED_KEY_ERRORS,
  ...WORKER_ERRORS,
} as const satisfies Record<string, ErrorRow>;

export type Reason = keyof typeof ERRORS;

/** An error as it came over the wire, whose reason this version may not know. */
export interface WireReason {
  readonly reason: string;
  readonly code: Code;
  readonly retryable: boolean;
  readonly message: string;
  /** Exit code; by default derived from the code. */
  readonly exit?: number;
}

type Data = Readonly<Record<string, string | number>>;

/** The names that the text of each row wants, computed once for all places that throw. */
type Wanted = { readonly [R in Reason]: Placeholders<(typeof ERRORS)[R]['message']> };

/** What programs read beside the text; it may be given with any reason. */
interface Hints {
  /** How long whoever is asked wants to be left alone, in milliseconds. */
  readonly retryAfterMs?: string | number;
}

/** A setting in words: its name in a program's table, or in the config.yaml of a device. A test looks each of them up. */
export type SettingInWords = `${string}BOWLINE_${string}` | `${string}limits.${string}`;

/** What is given with a reason: exactly the names of its text; for one of several reasons the names of all of them. */
export type Given<R extends Reason> = Hints & {
  readonly [Name in Wanted[R]]: Name extends 'setting' ? SettingInWords : string | number;
};

interface More {
  readonly cause?: unknown;
}

/** What stands behind the reason; nothing need stand there where the text wants nothing. */
export type Told<R extends Reason> = [Wanted[R]] extends [never]
  ? [given?: Given<R>, more?: More]
  : [given: Given<R>, more?: More];

/** The only error that Bowline throws. */
class AnyAppError extends Error {
  override readonly name = 'AppError';
  /** A reason of the table, or of a newer peer's table. */
  readonly reason: string;
  readonly code: Code;
  readonly retryable: boolean;
  /** Public, goes over the wire in ErrorInfo; never put content, secrets or absolute paths of others into it. */
  readonly metadata: Readonly<Record<string, string>>;
  readonly exit: number;

  constructor(reason: Reason | WireReason, metadata: Data = {}, options: More & { message?: string } = {}) {
    const known = typeof reason === 'string';
    const entry: ErrorRow = known ? ERRORS[reason] : { ...reason, message: reason.message };
    const data = Object.fromEntries(Object.entries(metadata).map(([key, value]) => [key, String(value)]));
    super(options.message ?? (known ? filled(entry.message, data) : entry.message), options);
    this.reason = known ? reason : reason.reason;
    this.code = entry.code;
    this.retryable = entry.retryable;
    this.metadata = data;
    this.exit = entry.exit ?? exitOf(entry.code);
  }
}

export type AppError = AnyAppError;

export const AppError: {
  /** An error of the table: the compiler sees to it that its text is filled. */
  new <R extends Reason>(reason: R, ...told: Told<R>): AppError;
  /** An error of the table with a text of its own. */
  new (reason: Reason, metadata: Data, options: More & { readonly message: string }): AppError;
  /** An error as it came over the wire; its text is filled already. */
  new (reason: WireReason, metadata?: Data, options?: More): AppError;
  readonly prototype: AppError;
} = AnyAppError;

const filled = (template: string, data: Readonly<Record<string, string>>): string =>
  template.replace(/\{\{(\w+)\}\}|\{(\w+)\}/g, (_, literal: string | undefined, key: string) =>
    literal === undefined ? (data[key] ?? '…') : `{${literal}}`,
  );

/** The same error with some of its values changed, and its text made anew; one of a reason that is not known here stays as it is. */
export function retold(error: AppError, changed: Data): AppError {
  if (!isReason(error.reason)) return error;
  return new AnyAppError(error.reason, { ...error.metadata, ...changed }, { cause: error });
}

/** Whether a text names a reason of this version. */
export function isReason(text: string): text is Reason {
  return Object.hasOwn(ERRORS, text);
}
