// The outermost interceptor of every server here: whatever a handler throws reaches the client as a ConnectError with
// ErrorInfo, also in the middle of a stream.
import type { ConnectError, Interceptor } from '@connectrpc/connect';
import { AppError } from '../base/errors.ts';
import type { Logger } from '../base/logger.ts';
import { toConnectError } from './errors.ts';
import { isGone } from './is-gone.ts';

/** Anything that was thrown becomes a ConnectError; a foreign error becomes a fixed text, and its cause goes to the log. */
export function errorInterceptor(log: Logger): Interceptor {
  return (next) => async (request) => {
    try {
      const response = await next(request);
      return response.stream ? { ...response, message: translated(response.message, log) } : response;
    } catch (error) {
      throw tellable(error, log);
    }
  };
}

/** As a client is told of it. Of a peer that went away nothing is logged. */
export function tellable(error: unknown, log: Logger): ConnectError {
  return toConnectError(isGone(error) ? new AppError('CANCELED', {}, { cause: error }) : error, log);
}

async function* translated<T>(messages: AsyncIterable<T>, log: Logger): AsyncIterable<T> {
  try {
    yield* messages;
  } catch (error) {
    throw tellable(error, log);
  }
}
