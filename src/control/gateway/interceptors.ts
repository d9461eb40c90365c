// What happens to every call at the port, in this order: the credential turned into a principal, errors translated, those of
// peers that went away told apart, foreign bowline headers dropped, requests checked against their contract.
import type { DescMessage, Message } from '@bufbuild/protobuf';
import type { HandlerContext, Interceptor, StreamRequest } from '@connectrpc/connect';
import { EnrollmentService } from '../../../gen/bowline/edge/v1/enrollment_pb.ts';
import { Health } from '../../../gen/grpc/health/v1/health_pb.ts';
import { AppError } from '../../base/errors.ts';
import type { Logger } from '../../base/logger.ts';
import { toConnectError } from '../../contract/errors.ts';
import { isGone } from '../../contract/is-gone.ts';
import { asNotRead } from '../../contract/rpc-errors.ts';
import { unparsed } from '../../contract/unparsed.ts';
import { validate } from '../../contract/validate.ts';
import { type Authenticator, bearerOf } from '../identity/authenticator.ts';
import { principalKey } from './call-principal.ts';
import { admitKey } from './opening.ts';
import { mustBeStorable } from './storable.ts';
import { tooLarge } from './too-large.ts';

/** The headers of ours that are read, and those that are answered with. */
export const HEADERS = {
  device: 'bowline-device',
  selector: 'bowline-selector',
  idempotencyKey: 'bowline-idempotency-key',
  run: 'bowline-run',
  withheld: 'bowline-withheld',
} as const;

const READ: ReadonlySet<string> = new Set([HEADERS.device, HEADERS.selector, HEADERS.idempotencyKey]);

/**
 * A stream that broke because its peer went away is no failure of a handler: it is canceled, and nothing is logged. A message
 * that is too large is told with limit and setting, one that cannot be parsed as the fault of its sender.
 */
export const goneInterceptor: Interceptor = (next) => async (request) => {
  try {
    const response = await next(request);
    return response.stream ? { ...response, message: untilGone(response.message) } : response;
  } catch (error) {
    throw blamedPeer(error);
  }
};

/** What broke a stream, as an error of ours where it is one of the peer. */
export function blamedPeer(error: unknown): unknown {
  if (isGone(error)) return new AppError('CANCELED', {}, { cause: error });
  return tooLarge(error) ?? unparsed(error) ?? error;
}

async function* untilGone<T>(messages: AsyncIterable<T>): AsyncIterable<T> {
  try {
    yield* messages;
  } catch (error) {
    throw blamedPeer(error);
  }
}

/** Drops unknown `bowline-*` headers, so that nothing behind the port can ever trust one. */
export const headerInterceptor: Interceptor = (next) => (request) => {
  for (const name of [...request.header.keys()]) {
    if (name.startsWith('bowline-') && !READ.has(name)) request.header.delete(name);
  }
  return next(request);
};

/**
 * Sets the principal before anything of a call's body is read. Only Join and the overall health are open; a credential that is
 * shown there is judged all the same.
 */
export function authGate(authenticator: Authenticator, log: Logger): (context: HandlerContext) => Promise<void> {
  return async ({ method, requestHeader, values, signal }) => {
    const header = requestHeader.get('authorization');
    if (header === null && needsNoCredential(method)) return;
    try {
      values.set(principalKey, await authenticator.authenticate(bearerOf(header), signal));
      values.get(admitKey)();
    } catch (error) {
      // Whatever the method does, it has not begun.
      throw toConnectError(asNotRead(error), log);
    }
  };
}

/** Methods that are answered without a credential; what they may be sent is small. */
export function needsNoCredential(method: HandlerContext['method']): boolean {
  if (method === EnrollmentService.method.join) return true;
  // The handler answers without a credential only for the empty service name.
  return method === Health.method.check;
}

/** Checks each request message against its contract. Frames of sessions are checked one by one in their session. */
export const validateInterceptor: Interceptor = (next) => (request) => {
  if (!request.stream) mustBeGood(request.method.input, request.message);
  return next(
    request.stream && request.method.methodKind === 'server_streaming'
      ? { ...request, message: validated(request) }
      : request,
  );
};

function mustBeGood(schema: DescMessage, message: Message): void {
  validate(schema, message);
  mustBeStorable(schema, message);
}

async function* validated(request: StreamRequest): StreamRequest['message'] {
  for await (const message of request.message) {
    mustBeGood(request.method.input, message);
    yield message;
  }
}
