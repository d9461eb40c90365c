// From requests of Node to the handlers of the router: as the library's own adapter, and with a bound on bodies that is told
// with limit and setting.
import { constants, type Http2ServerRequest, type Http2ServerResponse, type ServerHttp2Session } from 'node:http2';
import {
  type ConnectRouter,
  type ConnectRouterOptions,
  type ContextValues,
  createConnectRouter,
} from '@connectrpc/connect';
import type { UniversalHandler, UniversalServerRequest } from '@connectrpc/connect/protocol';
import type { Clock } from '../../base/clock.ts';
import { AppError } from '../../base/errors.ts';
import type { Logger } from '../../base/logger.ts';
import type { RequestFaults } from '../../base/stray-errors.ts';
import { toConnectError } from '../../contract/errors.ts';
import { bodyForm, measuredBody, withForm } from '../../contract/measured-body.ts';
import { answer, contained, pathOf, respond, unanswerable, universalRequest } from '../../contract/serve-requests.ts';
import { type Begun, type BegunFrames, HELLO_BYTES } from './begun-frames.ts';
import { peerOf } from './call-principal.ts';
import { resetKey } from './opening.ts';
import { SESSIONS, SessionStreams } from './session-streams.ts';
import type { Strangers } from './strangers.ts';
import { boundedBody, compressions, OPEN_BYTES, refusedBody, sessionFrameTooLarge } from './too-large.ts';

/** Routes that come and go while the port is open. */
export interface ChangingRoutes {
  /** Grows when they changed. */
  readonly revision: number;
  readonly routes: (router: ConnectRouter) => void;
  /** Learns whether the path is among them now. Never throws. */
  look(path: string): Promise<void>;
}

export interface AdapterOptions extends ConnectRouterOptions {
  readonly routes: (router: ConnectRouter) => void;
  readonly changing?: ChangingRoutes;
  readonly contextValues: (request: Http2ServerRequest) => ContextValues;
  /** Methods that are answered without a credential. */
  readonly isOpen: (method: UniversalHandler['method']) => boolean;
  readonly strangers: Strangers<ServerHttp2Session>;
  readonly strangerCalls: number;
  /** How long the request of a call without a credential may take to end, in milliseconds. */
  readonly strangerMs: number;
  readonly maxFrameBytes: number;
  readonly begun: BegunFrames;
  /** Names and values of the headers of one call; more is answered with 431. */
  readonly maxHeaderBytes: number;
  readonly clock: Clock;
  readonly log: Logger;
  readonly faults: RequestFaults;
}

/** How long a caller who still sends may take to hear its answer. */
const UNREAD_MS = 1_000;

/** How long the request of a call with a credential may take to end. */
const BODY_MS = 5 * 60_000;

/** A listener for `request`; what nobody serves gets 404. */
export function nodeHandler({
  routes,
  changing,
  contextValues,
  isOpen,
  strangers,
  strangerCalls,
  strangerMs,
  maxFrameBytes,
  begun,
  maxHeaderBytes,
  clock,
  log,
  faults,
  ...options
}: AdapterOptions) {
  const sessions = new SessionStreams({ gate: options.requestGate, maxFrameBytes, begun, log });
  const handlersOf = (add: (router: ConnectRouter) => void, most = maxFrameBytes) => {
    const router = createConnectRouter({
      ...options,
      acceptCompression: compressions,
      readMaxBytes: most,
      writeMaxBytes: maxFrameBytes,
    });
    add(sessions.noting(router));
    return new Map(router.handlers.map((handler) => [handler.requestPath, handler]));
  };
  const openBytes = Math.min(OPEN_BYTES, maxFrameBytes);
  const handlers = handlersOf(routes);
  for (const [path, handler] of handlersOf(routes, openBytes)) if (isOpen(handler.method)) handlers.set(path, handler);
  let more = { revision: -1, handlers: new Map<string, UniversalHandler>() };
  const changed = (path: string): UniversalHandler | undefined => {
    if (changing && more.revision !== changing.revision) {
      more = { revision: changing.revision, handlers: handlersOf(changing.routes) };
    }
    return more.handlers.get(path);
  };
  return contained(faults, async (request, response) => {
    request.stream.once('finish', () => endUnread(request, clock));
    // Node keeps the bound by itself, but not before the other side has seen its settings.
    if (sizeOf(request.rawHeaders) > maxHeaderBytes) {
      log.warn('a call with too many bytes of headers was refused', {
        limit: maxHeaderBytes,
        setting: 'BOWLINE_MAX_HEADER_BYTES',
      });
      return answer(response, 431);
    }
    const path = pathOf(request);
    let handler = handlers.get(path) ?? changed(path);
    if (!handler && changing) {
      await changing.look(path);
      handler = changed(path);
    }
    if (unanswerable(response)) return;
    if (handler) await serve(handler, request, response);
    else answer(response, 404);
  });

  async function serve(handler: UniversalHandler, request: Http2ServerRequest, response: Http2ServerResponse) {
    const call = universalRequest(request, response, contextValues(request));
    const open = isOpen(handler.method);
    const without = open && !call.header.has('authorization');
    // As it comes and after decompression.
    const bytes = sizeOf(request.rawHeaders) + (without ? 2 * openBytes : 0);
    const leave = strangers.enter(request.stream.session as ServerHttp2Session, bytes, without);
    if (leave) request.stream.once('close', leave);
    const session = sessions.find(pathOf(request), call);
    if (session) return sessions.serve(session, call, response);
    // What the library reads of an address is not measured.
    if (call.method !== 'POST') return answer(response, 405);
    const form = bodyForm(handler.method.input, call.header.get('content-type'));
    if (!form) return answer(response, 415);
    const most = open ? openBytes : maxFrameBytes;
    if (handler.method.methodKind === 'unary' || handler.method.methodKind === 'server_streaming') {
      const bounds = { most, enveloped: form.enveloped, ms: without ? strangerMs : BODY_MS, clock };
      call.body = leave ? boundedBody(call.body as AsyncIterable<Uint8Array>, bounds) : refusedBody(tooMany());
    }
    // Of a unary call in the Connect protocol all of the body is compressed.
    if (!call.header.has('content-encoding') || form.enveloped)
      call.body = measuredBody(
        call.body as AsyncIterable<Uint8Array>,
        form,
        most,
        begunOf(begun, handler, call, request),
      );
    await withForm(form, () => respond(handler, call, response));
  }

  function tooMany(): AppError {
    const what = 'the number of calls at once without a credential on one connection';
    return new AppError('LIMIT_EXCEEDED', { what, limit: strangerCalls, setting: 'BOWLINE_MAX_STRANGER_CALLS' });
  }
}

/** A session that the library serves has the bounds of those that are served here. */
function begunOf(
  begun: BegunFrames,
  handler: UniversalHandler,
  { contextValues: values }: UniversalServerRequest,
  { stream }: Http2ServerRequest,
) {
  if (!SESSIONS.has(handler.method) || !values) return undefined;
  const reset = values.get(resetKey);
  let own: Begun | undefined;
  stream.once('close', () => own?.hold(0));
  const onHeld = (bytes: number) => {
    if (stream.destroyed) return;
    // Only now is it known who it is.
    own ??= begun.open(peerOf(values), reset);
    own.hold(bytes);
  };
  const tooLarge = (bytes: number, limit: number) => toConnectError(sessionFrameTooLarge(bytes, limit, true));
  return { mostFirst: HELLO_BYTES, tooLarge, onHeld };
}

const sizeOf = (headers: readonly string[]): number => headers.reduce((sum, text) => sum + text.length, 0);

/** Ends a stream that is answered while its caller still sends: that is for nobody, and would wait here for ever. */
function endUnread({ stream }: Http2ServerRequest, clock: Clock): void {
  if (stream.readableEnded || stream.destroyed) return;
  const stop = clock.after(UNREAD_MS, () => stream.close(constants.NGHTTP2_NO_ERROR));
  stream.once('close', stop);
}
