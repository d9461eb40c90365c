// Translates errors between AppError, Failure (in frames) and ConnectError with ErrorInfo. Foreign errors become a fixed
// public message; their cause goes to the log.
import { create } from '@bufbuild/protobuf';
import { durationFromMs } from '@bufbuild/protobuf/wkt';
import { Code as ConnectCode, ConnectError } from '@connectrpc/connect';
import { type Failure, FailureSchema } from '../../gen/bowline/common/v1/common_pb.ts';
import { ErrorInfoSchema, RetryInfoSchema } from '../../gen/google/rpc/error_details_pb.ts';
import type { ErrorRow } from '../base/error-tables/row.ts';
import { AppError, ERRORS, isReason, type WireReason } from '../base/errors.ts';
import { newId } from '../base/ids.ts';
import type { Logger } from '../base/logger.ts';
import type { Code } from '../base/status-codes.ts';

const DOMAIN = 'bowline';

const CODES: readonly (Code | undefined)[] = [
  undefined,
  'canceled',
  'unknown',
  'invalid_argument',
  'deadline_exceeded',
  'not_found',
  'already_exists',
  'permission_denied',
  'resource_exhausted',
  'failed_precondition',
  'aborted',
  'out_of_range',
  'unimplemented',
  'internal',
  'unavailable',
  'data_loss',
  'unauthenticated',
];

/** The gRPC number of a code (grpc.io, "Status codes and their use in gRPC"). */
export const codeNumber = (code: Code): number => CODES.indexOf(code);

/** The code of a gRPC number; what is not known is `unknown`. */
export const codeOf = (number: number): Code => CODES[number] ?? 'unknown';

/** Whether the same call may succeed later without a change: with a deadline of its own, too. */
export const mayPass = ({ reason, retryable }: Pick<Failure, 'reason' | 'retryable'>): boolean =>
  retryable || reason === 'DEADLINE_EXCEEDED';

/** Anything that was thrown, as an AppError. A foreign error becomes INTERNAL with an id that the log has, too. */
export function toAppError(error: unknown, log?: Logger): AppError {
  if (error instanceof AppError) return error;
  if (error instanceof ConnectError) return fromConnectError(error);
  if (error instanceof Error && error.name === 'AbortError') return new AppError('CANCELED', {}, { cause: error });
  const errorId = newId();
  log?.error('an internal error', error, { errorId });
  return new AppError('INTERNAL', { errorId }, { cause: error });
}

/** Anything that was thrown, as it travels in frames and events. */
export function toFailure(error: unknown, log?: Logger): Failure {
  const e = toAppError(error, log);
  return create(FailureSchema, {
    reason: /^[A-Z][A-Z0-9_]{0,62}$/.test(e.reason) ? e.reason : 'UNKNOWN',
    code: Math.max(codeNumber(e.code), 0),
    retryable: e.retryable,
    message: shortened(e.message),
    metadata: Object.fromEntries(
      Object.entries(e.metadata)
        .slice(0, MAX_VALUES)
        .map(([key, value]) => [key.slice(0, MAX_KEY).toWellFormed(), shortened(value)]),
    ),
  });
}

/** Characters of a text and values of it that a Failure may have. */
const MAX_TEXT = 4096;
const MAX_VALUES = 64;
const MAX_KEY = 128;

/** A text of whatever length as one that a frame and the database take: what an error quotes may be anything. */
const shortened = (text: string): string => text.slice(0, MAX_TEXT).toWellFormed().replaceAll('\0', '\ufffd');

/** A Failure as it came. Where its text was left out (an edge sends none), the text of the own table is filled in. */
export function fromFailure(failure: Failure): AppError {
  const known: ErrorRow | undefined = isReason(failure.reason) ? ERRORS[failure.reason] : undefined;
  const message = failure.message || (known ? (known.bare ?? plain(known.message)) : failure.reason);
  const { reason, retryable } = failure;
  const wire = wireReason(reason, codeOf(failure.code), retryable, message);
  return new AppError({ ...wire, retryable }, failure.metadata);
}

/** The fixed text of a reason without its values, and without what only announces one at its end. */
const plain = (template: string): string =>
  template
    .replace(/\s?\(\{\w+\}\)/g, '')
    .replace(/\{\{(\w+)\}\}|\{\w+\}/g, (_, literal?: string) => (literal === undefined ? '…' : `{${literal}}`))
    .replace(/(?:[:;.] …){1,2}$/, '')
    .trim();

/** For the client of an RPC. */
export function toConnectError(error: unknown, log?: Logger): ConnectError {
  const e = toAppError(error, log);
  const info = { desc: ErrorInfoSchema, value: { reason: e.reason, domain: DOMAIN, metadata: { ...e.metadata } } };
  const ms = Number(e.metadata.retryAfterMs);
  // What clients of gRPC wait by, whoever wrote them.
  const later = ms > 0 ? [{ desc: RetryInfoSchema, value: { retryDelay: durationFromMs(ms) } }] : [];
  return new ConnectError(e.message, codeNumber(e.code) as ConnectCode, undefined, [info, ...later], error);
}

/** An error of an RPC, as the client got it. */
export function fromConnectError(error: ConnectError): AppError {
  const info = error.findDetails(ErrorInfoSchema).find((detail) => detail.domain === DOMAIN);
  const code = codeOf(error.code);
  if (!info) {
    // No word of the other side: the same as any other end of a connection.
    const message = brokenText(error.rawMessage);
    if (message !== error.rawMessage)
      return new AppError(
        { reason: 'UNAVAILABLE', code: 'unavailable', retryable: true, message },
        {},
        { cause: error },
      );
    const retryable = error.code === ConnectCode.Unavailable || error.code === ConnectCode.Aborted;
    const reason = code.toUpperCase();
    return new AppError({ reason, code, retryable, message: error.rawMessage }, {}, { cause: error });
  }
  return new AppError(
    wireReason(info.reason, code, error.code === ConnectCode.Unavailable, error.rawMessage),
    info.metadata,
    { cause: error },
  );
}

/** What the library says of an answer that ended before its status came, in words; any other text as it is. */
export const brokenText = (text: string): string =>
  BROKEN_OFF.test(text) ? 'the connection broke off in the middle' : text;

const BROKEN_OFF =
  /^protocol error: (?:missing (?:status|trailer|EndStreamResponse)$|incomplete envelope$|promised \d)/;

/** What is known of a reason that came over the wire: retryable and exit code from the own table, if it has the reason. */
function wireReason(reason: string, code: Code, retryable: boolean, message: string): WireReason {
  const known: { retryable: boolean; exit?: number } | undefined = isReason(reason) ? ERRORS[reason] : undefined;
  const exit = known?.exit;
  return { reason, code, retryable: known?.retryable ?? retryable, message, ...(exit === undefined ? {} : { exit }) };
}
