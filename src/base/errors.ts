// The one error type of Bowline, and every reason that it has: the tables by area stand in error-tables/. Translated once, at
// each program's edge; never builds wire messages itself.
import { CONTROL_ERRORS } from './error-tables/control.ts';
import { EDGE_ERRORS } from './error-tables/edge.ts';
import type { Row } from './error-tables/row.ts';
import { SHARED_ERRORS } from './error-tables/shared.ts';
import { WORKER_ERRORS } from './error-tables/worker.ts';
import { type Code, exitOf } from './status-codes.ts';

/** Every reason that Bowline gives. The key is the `reason` of `google.rpc.ErrorInfo`; the domain is `bowline`. */
export const ERRORS = {
  ...SHARED_ERRORS,
  ...CONTROL_ERRORS,
  ...EDGE_ERRORS,
  ...WORKER_ERRORS,
} as const satisfies Record<string, Row>;

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

/** The only error that Bowline throws. */
export class AppError extends Error {
  override readonly name = 'AppError';
  /** A reason of the table, or of a newer peer's table. */
  readonly reason: string;
  readonly code: Code;
  readonly retryable: boolean;
  /** Public, goes over the wire in ErrorInfo; never put content, secrets or absolute paths of others into it. */
  readonly metadata: Readonly<Record<string, string>>;
  readonly exit: number;

  constructor(
    reason: Reason | WireReason,
    metadata: Record<string, string | number> = {},
    options: { cause?: unknown; message?: string } = {},
  ) {
    const known = typeof reason === 'string';
    const entry: Row = known ? ERRORS[reason] : { ...reason, message: reason.message };
    const data = Object.fromEntries(Object.entries(metadata).map(([key, value]) => [key, String(value)]));
    super(options.message ?? filled(entry.message, data), options);
    this.reason = known ? reason : reason.reason;
    this.code = entry.code;
    this.retryable = entry.retryable;
    this.metadata = data;
    this.exit = entry.exit ?? exitOf(entry.code);
  }
}

const filled = (template: string, data: Readonly<Record<string, string>>): string =>
  template.replace(/\{\{(\w+)\}\}|\{(\w+)\}/g, (whole, literal: string | undefined, key: string) =>
    literal === undefined ? (data[key] ?? whole) : `{${literal}}`,
  );

/** Whether a text names a reason of this version. */
export function isReason(text: string): text is Reason {
  return Object.hasOwn(ERRORS, text);
}
