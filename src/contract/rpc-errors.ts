// The outermost interceptor of every server here: whatever a handler throws reaches the client as a ConnectError with
// ErrorInfo, also in the middle of a stream. What a method that only reads is told does not ask whether something was done.
import { MethodOptions_IdempotencyLevel as Level } from '@bufbuild/protobuf/wkt';
import type { ConnectError, Interceptor } from '@connectrpc/connect';
import { AppError } from '../base/errors.ts';
import type { Logger } from '../base/logger.ts';
import { toConnectError } from './errors.ts';
import { isGone } from './is-gone.ts';

/** Anything that was thrown becomes a ConnectError; a foreign error becomes a fixed text, and its cause goes to the log. */
export function errorInterceptor(log: Logger): Interceptor {
  return (next) => async (request) => {
    const told = request.method.idempotency === Level.NO_SIDE_EFFECTS ? asNotRead : same;
    try {
      const response = await next(request);
      return response.stream ? { ...response, message: translated(response.message, log, told) } : response;
    } catch (error) {
      throw tellable(told(error), log);
    }
  };
}

const same = (error: unknown): unknown => error;

/** Where the database is away, what only reads has nothing of which it would not be known whether it was done. */
export const asNotRead = (error: unknown): unknown =>
  error instanceof AppError && error.reason === 'STORE_UNAVAILABLE'
    ? new AppError('STORE_NOT_READ', { problem: String(error.metadata.problem ?? '') }, { cause: error })
    : error;

/** As a client is told of it. Of a peer that went away nothing is logged. */
export function tellable(error: unknown, log: Logger): ConnectError {
  return toConnectError(isGone(error) ? new AppError('CANCELED', {}, { cause: error }) : error, log);
}

async function* translated<T>(
  messages: AsyncIterable<T>,
  log: Logger,
  told: (error: unknown) => unknown,
): AsyncIterable<T> {
  try {
    yield* messages;
  } catch (error) {
    throw tellable(told(error), log);
  }
}
