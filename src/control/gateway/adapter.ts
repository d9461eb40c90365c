// From requests of Node to the handlers of the router: as the library's own adapter, and with a bound on bodies that is told
// with limit and setting.
import { constants, type Http2ServerRequest, type Http2ServerResponse } from 'node:http2';
import {
  Code,
  ConnectError,
  type ConnectRouter,
  type ConnectRouterOptions,
  type ContextValues,
  createConnectRouter,
} from '@connectrpc/connect';
import { universalRequestFromNodeRequest, universalResponseToNodeResponse } from '@connectrpc/connect-node';
import type { Clock } from '../../base/clock.ts';
import type { Logger } from '../../base/logger.ts';
import { boundedBody, compressions } from './too-large.ts';

export interface AdapterOptions extends ConnectRouterOptions {
  readonly routes: (router: ConnectRouter) => void;
  readonly contextValues: (request: Http2ServerRequest) => ContextValues;
  readonly maxFrameBytes: number;
  /** Names and values of the headers of one call; more is answered with 431. */
  readonly maxHeaderBytes: number;
  readonly clock: Clock;
  readonly log: Logger;
}

/** How long a caller who still sends may take to hear its answer. */
const UNREAD_MS = 1_000;

/** A listener for `request`; what nobody serves gets 404. */
export function nodeHandler({
  routes,
  contextValues,
  maxFrameBytes,
  maxHeaderBytes,
  clock,
  log,
  ...options
}: AdapterOptions) {
  const router = createConnectRouter({
    ...options,
    acceptCompression: compressions,
    readMaxBytes: maxFrameBytes,
    writeMaxBytes: maxFrameBytes,
  });
  routes(router);
  const handlers = new Map(router.handlers.map((handler) => [handler.requestPath, handler]));
  return (request: Http2ServerRequest, response: Http2ServerResponse): void => {
    // Node keeps the bound by itself, but not before the other side has seen its settings.
    if (sizeOf(request.rawHeaders) > maxHeaderBytes) {
      log.warn('a call with too many bytes of headers was refused', {
        limit: maxHeaderBytes,
        setting: 'BOWLINE_MAX_HEADER_BYTES',
      });
      response.writeHead(431);
      response.end();
      endUnread(request, clock);
      return;
    }
    const handler = handlers.get(request.url.split('?', 1)[0] ?? '');
    if (!handler) {
      response.writeHead(404);
      response.end();
      return;
    }
    const call = universalRequestFromNodeRequest(request, response, undefined, contextValues(request));
    if (handler.method.methodKind === 'unary') {
      const enveloped = (call.header.get('content-type') ?? '').startsWith('application/grpc');
      call.body = boundedBody(call.body as AsyncIterable<Uint8Array>, maxFrameBytes, enveloped);
    }
    handler(call)
      .then((answer) => universalResponseToNodeResponse(answer, response))
      .then(() => endUnread(request, clock))
      .catch((error: unknown) => {
        // The peer went away while it was answered.
        if (ConnectError.from(error).code !== Code.Aborted)
          log.warn('an answer could not be written', { method: handler.requestPath, why: String(error) });
      });
  };
}

const sizeOf = (headers: readonly string[]): number => headers.reduce((sum, text) => sum + text.length, 0);

/** Ends a stream that is answered while its caller still sends: that is for nobody, and would wait here for ever. */
function endUnread({ stream }: Http2ServerRequest, clock: Clock): void {
  if (stream.readableEnded || stream.destroyed) return;
  const stop = clock.after(UNREAD_MS, () => stream.close(constants.NGHTTP2_NO_ERROR));
  stream.once('close', stop);
}
