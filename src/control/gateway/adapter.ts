// From requests of Node to the handlers of the router: as the library's own adapter, and with a bound on bodies that is told
// with limit and setting.
import type { Http2ServerRequest, Http2ServerResponse } from 'node:http2';
import {
  Code,
  ConnectError,
  type ConnectRouter,
  type ConnectRouterOptions,
  type ContextValues,
  createConnectRouter,
} from '@connectrpc/connect';
import { universalRequestFromNodeRequest, universalResponseToNodeResponse } from '@connectrpc/connect-node';
import type { Logger } from '../../base/logger.ts';
import { boundedBody, compressions } from './too-large.ts';

export interface AdapterOptions extends ConnectRouterOptions {
  readonly routes: (router: ConnectRouter) => void;
  readonly contextValues: (request: Http2ServerRequest) => ContextValues;
  readonly maxFrameBytes: number;
  readonly log: Logger;
}

/** A listener for `request`; what nobody serves gets 404. */
export function nodeHandler({ routes, contextValues, maxFrameBytes, log, ...options }: AdapterOptions) {
  const router = createConnectRouter({
    ...options,
    acceptCompression: compressions,
    readMaxBytes: maxFrameBytes,
    writeMaxBytes: maxFrameBytes,
  });
  routes(router);
  const handlers = new Map(router.handlers.map((handler) => [handler.requestPath, handler]));
  return (request: Http2ServerRequest, response: Http2ServerResponse): void => {
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
      .catch((error: unknown) => {
        // The peer went away while it was answered.
        if (ConnectError.from(error).code !== Code.Aborted)
          log.warn('an answer could not be written', { method: handler.requestPath, why: String(error) });
      });
  };
}
