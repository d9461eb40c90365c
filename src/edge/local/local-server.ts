// The owner's socket: HTTP/2 without TLS on a unix socket that only its owner may open, and still nothing without the owner
// key. It knows credentials and errors, no methods.
import { createHash, timingSafeEqual } from 'node:crypto';
import { chmodSync, lstatSync, unlinkSync } from 'node:fs';
import { createServer, type Http2Server, type ServerHttp2Session } from 'node:http2';
import { dirname } from 'node:path';
import { type ConnectRouter, createConnectRouter, createContextValues, type Interceptor } from '@connectrpc/connect';
import { AppError } from '../../base/errors.ts';
import type { Logger } from '../../base/logger.ts';
import { makeFolder } from '../../base/make-folder.ts';
import type { RequestFaults } from '../../base/stray-errors.ts';
import { type HomeSocket, openSocketFolder } from '../../contract/channel/home-socket.ts';
import { check } from '../../contract/check.ts';
import { MAX_PIPED_BYTES } from '../../contract/piped-name.ts';
import { errorInterceptor } from '../../contract/rpc-errors.ts';
import {
  answer,
  answerExpecting,
  contained,
  pathOf,
  type RequestListener,
  respond,
  universalRequest,
} from '../../contract/serve-requests.ts';
import { ClientPlaces, placeKey, takesPlace } from './client-places.ts';

export interface LocalServerOptions {
  readonly socket: string;
  readonly ownerKey: string;
  /** Named in errors. */
  readonly ownerKeyFile: string;
  /** Clients at once. */
  readonly clients: number;
  readonly routes: (router: ConnectRouter) => void;
  readonly log: Logger;
  readonly faults: RequestFaults;
}

/** Calls of each client at once. */
const STREAMS = 64;
const MAX_REQUEST_BYTES = (512 << 10) + MAX_PIPED_BYTES;

export class LocalServer {
  readonly #server: Http2Server;
  readonly #sessions: Set<ServerHttp2Session>;
  readonly #folder: HomeSocket;

  /** Listens; the caller holds the lock of the home, so a socket that is there is a stale one. Throws SOCKET_IN_USE, SOCKET_UNSAFE. */
  static async listen(options: LocalServerOptions): Promise<LocalServer> {
    const folder = openFolder(options.socket);
    try {
      return await LocalServer.#listen(options, folder);
    } catch (error) {
      folder.close();
      throw error;
    }
  }

  static async #listen(options: LocalServerOptions, folder: HomeSocket): Promise<LocalServer> {
    const { socket, log } = options;
    clearStale(socket, folder.address);
    const sessions = new Set<ServerHttp2Session>();
    const places = new ClientPlaces(options.clients);
    const answers = listener(options, places);
    const server = createServer({ settings: { maxConcurrentStreams: STREAMS } }, answers);
    answerExpecting(server, answers);
    server.on('session', (session) => {
      sessions.add(session);
      session.on('error', () => {});
      session.on('close', () => sessions.delete(session));
      places.enter(session);
    });
    await new Promise<void>((resolve, reject) => {
      const failed = (cause: Error) =>
        reject(
          new AppError(
            'SOCKET_IN_USE',
            { path: socket, problem: 'code' in cause ? String(cause.code) : 'unknown' },
            { cause },
          ),
        );
      server.once('error', failed);
      // The socket is bound within `listen`, so it never exists with wider rights.
      const before = process.umask(0o177);
      try {
        server.listen(folder.address, () => {
          server.off('error', failed);
          resolve();
        });
      } finally {
        process.umask(before);
      }
    });
    chmodSync(folder.address, 0o600);
    server.on('error', (error) => log.error('the owner socket failed', error));
    return new LocalServer(server, sessions, folder);
  }

  private constructor(server: Http2Server, sessions: Set<ServerHttp2Session>, folder: HomeSocket) {
    this.#server = server;
    this.#sessions = sessions;
    this.#folder = folder;
  }

  /** Takes no more calls, lets the open ones end for `graceMs`, then cuts them. Removes the socket. */
  async close(graceMs: number): Promise<void> {
    const closed = new Promise<void>((resolve) => this.#server.close(() => resolve()));
    for (const session of this.#sessions) session.close();
    const timer = setTimeout(() => {
      for (const session of this.#sessions) session.destroy();
    }, graceMs);
    await closed;
    clearTimeout(timer);
    this.#folder.close();
  }
}

function listener(
  { routes, ownerKey, ownerKeyFile, log, faults }: LocalServerOptions,
  places: ClientPlaces,
): RequestListener {
  const router = createConnectRouter({
    acceptCompression: [],
    interceptors: [errorInterceptor(log), owner(ownerKey, ownerKeyFile), takesPlace, checks],
    readMaxBytes: MAX_REQUEST_BYTES,
  });
  routes(router);
  const handlers = new Map(router.handlers.map((handler) => [handler.requestPath, handler]));
  return contained(faults, async (request, response) => {
    const handler = handlers.get(pathOf(request));
    if (!handler) return answer(response, 404);
    const { session } = request.stream;
    const context = createContextValues().set(placeKey, () => session && places.take(session));
    await respond(handler, universalRequest(request, response, context), response);
  });
}

/** The folder of the socket, which must be the owner's alone. */
function openFolder(socket: string): HomeSocket {
  makeFolder(dirname(socket));
  return openSocketFolder(socket);
}

/** Removes a socket that an earlier process left, and nothing else. */
function clearStale(socket: string, address: string): void {
  const found = lstatSync(address, { throwIfNoEntry: false });
  if (!found) return;
  if (!found.isSocket()) throw new AppError('SOCKET_IN_USE', { path: socket, problem: 'something else has its name' });
  unlinkSync(address);
}

/** Every call needs the owner key, compared in constant time. */
function owner(key: string, hint: string): Interceptor {
  const digest = (text: string) => createHash('sha256').update(text).digest();
  const expected = digest(key);
  return (next) => (request) => {
    const given = /^Bearer +([\x21-\x7e]{1,200})$/i.exec(request.header.get('authorization') ?? '')?.[1] ?? '';
    if (!timingSafeEqual(digest(given), expected)) throw new AppError('UNAUTHENTICATED', { hint });
    return next(request);
  };
}

const checks: Interceptor = (next) => (request) => {
  if (!request.stream) check(request.method.input, request.message);
  return next(request.stream ? { ...request, message: checked(request.method.input, request.message) } : request);
};

async function* checked<T extends Parameters<typeof check>[1]>(
  schema: Parameters<typeof check>[0],
  messages: AsyncIterable<T>,
): AsyncIterable<T> {
  for await (const message of messages) {
    check(schema, message);
    yield message;
  }
}
