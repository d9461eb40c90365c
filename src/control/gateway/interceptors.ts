// What happens to every call at the port, in this order: errors are translated, those of peers that went away told
// apart, foreign bowline headers dropped, the credential turned into a principal, requests checked against their contract.
import type { Interceptor, StreamRequest, UnaryRequest } from '@connectrpc/connect';
import { EnrollmentService } from '../../../gen/bowline/edge/v1/enrollment_pb.ts';
import { Health } from '../../../gen/grpc/health/v1/health_pb.ts';
import { AppError } from '../../base/errors.ts';
import { validate } from '../../contract/validate.ts';
import { type Authenticator, bearerOf } from '../identity/authenticator.ts';
import { isGone } from './opening.ts';
import { principalKey } from './principal.ts';

/** The headers of ours that are read, and those that are answered with. */
export const HEADERS = {
  device: 'bowline-device',
  selector: 'bowline-selector',
  idempotencyKey: 'bowline-idempotency-key',
  run: 'bowline-run',
  withheld: 'bowline-withheld',
} as const;

const READ: ReadonlySet<string> = new Set([HEADERS.device, HEADERS.selector, HEADERS.idempotencyKey]);

/** A stream that broke because its peer went away is no failure of a handler: it is canceled, and nothing is logged. */
export const goneInterceptor: Interceptor = (next) => async (request) => {
  try {
    const response = await next(request);
    return response.stream ? { ...response, message: untilGone(response.message) } : response;
  } catch (error) {
    throw isGone(error) ? new AppError('CANCELED', {}, { cause: error }) : error;
  }
};

async function* untilGone<T>(messages: AsyncIterable<T>): AsyncIterable<T> {
  try {
    yield* messages;
  } catch (error) {
    throw isGone(error) ? new AppError('CANCELED', {}, { cause: error }) : error;
  }
}

/** Drops unknown `bowline-*` headers, so that nothing behind the port can ever trust one. */
export const headerInterceptor: Interceptor = (next) => (request) => {
  for (const name of [...request.header.keys()]) {
    if (name.startsWith('bowline-') && !READ.has(name)) request.header.delete(name);
  }
  return next(request);
};

/** Sets the principal. Only Join and the overall health are open; a credential that is shown there is judged all the same. */
export function authInterceptor(authenticator: Authenticator): Interceptor {
  return (next) => async (request) => {
    const header = request.header.get('authorization');
    if (header !== null || !isOpen(request)) {
      request.contextValues.set(principalKey, await authenticator.authenticate(bearerOf(header)));
    }
    return next(request);
  };
}

function isOpen(request: UnaryRequest | StreamRequest): boolean {
  if (request.method === EnrollmentService.method.join) return true;
  // The handler answers without a credential only for the empty service name.
  return request.method === Health.method.check;
}

/** Checks each request message against its contract. Frames of sessions are checked one by one in their session. */
export const validateInterceptor: Interceptor = (next) => (request) => {
  if (!request.stream) validate(request.method.input, request.message);
  return next(
    request.stream && request.method.methodKind === 'server_streaming'
      ? { ...request, message: validated(request) }
      : request,
  );
};

async function* validated(request: StreamRequest): StreamRequest['message'] {
  for await (const message of request.message) {
    validate(request.method.input, message);
    yield message;
  }
}
