// From requests of Node to handlers of Connect, for every listener here. Whatever a request holds or its handler does, its
// exception stays its own: it is counted, its stream ends, and the process lives. It knows no methods and no limits.
import { AsyncLocalStorage } from 'node:async_hooks';
import { constants, type Http2Server, type Http2ServerRequest, type Http2ServerResponse } from 'node:http2';
import { Code, ConnectError, type ContextValues } from '@connectrpc/connect';
import type { UniversalHandler, UniversalServerRequest, UniversalServerResponse } from '@connectrpc/connect/protocol';
import { universalRequestFromNodeRequest, universalResponseToNodeResponse } from '@connectrpc/connect-node';
import { mark } from '../base/loop-watch.ts';
import { ownedBy, type RequestFaults } from '../base/stray-errors.ts';
import { settleHeaders } from './call-headers.ts';
import { blameSender } from './unparsed.ts';

export type RequestListener = (request: Http2ServerRequest, response: Http2ServerResponse) => void;

/** Texts of a request that are logged. */
const SHOWN = 200;

/** A listener that never throws and leaves no rejected promise: a fault ends its own stream. */
export function contained(
  faults: RequestFaults,
  handle: (request: Http2ServerRequest, response: Http2ServerResponse) => void | Promise<void>,
): RequestListener {
  return (request, response) => {
    const path = pathOf(request).slice(0, SHOWN);
    mark(path);
    const fault = (error: unknown) => {
      faults.add(error, path);
      end(response);
    };
    ownedBy(fault, () => {
      try {
        Promise.resolve(handle(request, response)).catch(fault);
      } catch (error) {
        fault(error);
      }
    });
  };
}

/**
 * Hands requests with an `expect` header to the same listener. Left to Node, it writes the answer to them before any listener
 * runs, and throws where the stream is gone by then.
 */
export function answerExpecting(server: Http2Server, listener: RequestListener): void {
  server.on('checkExpectation', listener);
  server.on('checkContinue', (request, response) => {
    try {
      if (!unanswerable(response)) response.writeContinue();
    } catch {
      // The listener sees that nobody is there.
    }
    listener(request, response);
  });
}

/** The path without its query; empty where the request has none (CONNECT). */
export const pathOf = (request: Http2ServerRequest): string => (request.url ?? '').split('?', 1)[0] ?? '';

/** Answers with a status alone, if anybody still listens. */
export function answer(response: Http2ServerResponse, status: number): void {
  if (unanswerable(response) || response.headersSent) return;
  response.writeHead(status);
  response.end();
}

/**
 * The request as handlers take it. Its authority, which any client may write as it likes, names nothing here: calls are known
 * by their path alone.
 */
export function universalRequest(
  request: Http2ServerRequest,
  response: Http2ServerResponse,
  context: ContextValues | undefined,
): UniversalServerRequest {
  Object.defineProperty(request, 'authority', { value: 'bowline' });
  const call = universalRequestFromNodeRequest(request, response, undefined, context);
  // Node tells of the end outside of this request's work; what its listeners do is still work of this request.
  const ended = new AbortController();
  const end = AsyncLocalStorage.bind(() => ended.abort(call.signal.reason));
  call.signal.addEventListener('abort', end, { once: true });
  return { ...call, header: settleHeaders(call.header), signal: ended.signal };
}

/** Runs a handler and writes its answer. Rejects where that fails although the peer is still there. */
export async function respond(
  handler: UniversalHandler,
  call: UniversalServerRequest,
  response: Http2ServerResponse,
): Promise<void> {
  try {
    await universalResponseToNodeResponse(mendedErrors(await handler(call)), response);
  } catch (error) {
    if (!unanswerable(response) && ConnectError.from(error).code !== Code.Aborted) throw error;
  }
}

/** Letters of the text of an error, at most: a library repeats what it could not read, and what does not fit into a frame ends the stream. */
const TEXT_LETTERS = 1_000;

/** The same response; an error is put right when it is known, at the end: whose fault it is, and its text, which is cut. */
function mendedErrors(response: UniversalServerResponse): UniversalServerResponse {
  const { body, trailer } = response;
  if (!trailer || !body || body instanceof Uint8Array) return response;
  const pieces = body[Symbol.asyncIterator]();
  const done = (piece: IteratorResult<Uint8Array>): IteratorResult<Uint8Array> => {
    if (piece.done) {
      blameSender(trailer);
      shortenText(trailer);
    }
    return piece;
  };
  const ending: AsyncIterator<Uint8Array> = {
    next: () => pieces.next().then(done),
    return: (value) => pieces.return?.(value) ?? Promise.resolve({ done: true, value }),
    throw: (error) => pieces.throw?.(error) ?? Promise.reject(error),
  };
  return { ...response, body: { [Symbol.asyncIterator]: () => ending } };
}

/** Cuts the text of an error that a trailer tells. */
export function shortenText(trailer: Headers): void {
  const told = trailer.get('grpc-message');
  if (told === null || told.length <= TEXT_LETTERS) return;
  // Percent-encoded UTF-8; what is cut in the middle of a letter becomes a sign for that.
  const text = told
    .slice(0, 9 * TEXT_LETTERS)
    .replace(/(?:%[0-9A-Fa-f]{2})+/g, (bytes) => Buffer.from(bytes.replaceAll('%', ''), 'hex').toString());
  trailer.set('grpc-message', encodeURIComponent(`${text.slice(0, TEXT_LETTERS).toWellFormed()} …`));
}

/** Whether nobody can be answered any more. */
export const unanswerable = ({ stream }: Http2ServerResponse): boolean =>
  stream === undefined || stream.closed || stream.destroyed;

function end(response: Http2ServerResponse): void {
  try {
    if (!response.headersSent) answer(response, 500);
    else response.stream?.close(constants.NGHTTP2_INTERNAL_ERROR);
  } catch {
    // Its stream is gone, which is what was wanted.
  }
}
