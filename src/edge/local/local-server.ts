// The owner's socket: HTTP/2 without TLS on a unix socket that only its owner may open, and still nothing without the owner
// key. It knows credentials and errors, no methods.
import { createHash, timingSafeEqual } from 'node:crypto';
import { chmodSync, lstatSync, unlinkSync } from 'node:fs';
import { createServer, type Http2Server, type ServerHttp2Session } from 'node:http2';
import { dirname } from 'node:path';
import { type ConnectRouter, createConnectRouter, type Interceptor } from '@connectrpc/connect';
import { AppError } from '../../base/errors.ts';
import type { Logger } from '../../base/logger.ts';
import { makeFolder } from '../../base/make-folder.ts';
import type { RequestFaults } from '../../base/stray-errors.ts';
import { check } from '../../contract/check.ts';
import { errorInterceptor } from '../../contract/rpc-errors.ts';
import {
  answer,
  contained,
  pathOf,
  type RequestListener,
  respond,
  universalRequest,
} from '../../contract/serve-requests.ts';

export interface LocalServerOptions {
  readonly socket: string;
  readonly ownerKey: string;
  /** Named in errors. */
  readonly ownerKeyFile: string;
  readonly routes: (router: ConnectRouter) => void;
  readonly log: Logger;
  readonly faults: RequestFaults;
}

/** Clients at once, and calls of each. */
const CONNECTIONS = 64;
const STREAMS = 64;
const MAX_REQUEST_BYTES = 512 << 10;

export class LocalServer {
  readonly #server: Http2Server;
  readonly #sessions: Set<ServerHttp2Session>;

  /** Listens; the caller holds the lock of the home, so a socket that is there is a stale one. Throws SOCKET_IN_USE. */
  static async listen(options: LocalServerOptions): Promise<LocalServer> {
    const { socket, log } = options;
    clearStale(socket);
    const sessions = new Set<ServerHttp2Session>();
    const server = createServer({ settings: { maxConcurrentStreams: STREAMS } }, listener(options));
    server.maxConnections = CONNECTIONS;
    server.on('session', (session) => {
      sessions.add(session);
      session.on('error', () => {});
      session.on('close', () => sessions.delete(session));
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
        server.listen(socket, () => {
          server.off('error', failed);
          resolve();
        });
      } finally {
        process.umask(before);
      }
    });
    chmodSync(socket, 0o600);
    server.on('error', (error) => log.error('the owner socket failed', error));
    return new LocalServer(server, sessions);
  }

  private constructor(server: Http2Server, sessions: Set<ServerHttp2Session>) {
    this.#server = server;
    this.#sessions = sessions;
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
  }
}

function listener({ routes, ownerKey, ownerKeyFile, log, faults }: LocalServerOptions): RequestListener {
  const router = createConnectRouter({
    acceptCompression: [],
    interceptors: [errorInterceptor(log), owner(ownerKey, ownerKeyFile), checks],
    readMaxBytes: MAX_REQUEST_BYTES,
  });
  routes(router);
  const handlers = new Map(router.handlers.map((handler) => [handler.requestPath, handler]));
  return contained(faults, async (request, response) => {
    const handler = handlers.get(pathOf(request));
    if (handler) await respond(handler, universalRequest(request, response, undefined), response);
    else answer(response, 404);
  });
}

/** Removes a socket that an earlier process left, and nothing else. Its folder must be the owner's alone. */
function clearStale(socket: string): void {
  const folder = dirname(socket);
  makeFolder(folder);
  const parent = lstatSync(folder);
  const foreign = process.getuid !== undefined && parent.uid !== process.getuid();
  if (!parent.isDirectory() || foreign || (parent.mode & 0o022) !== 0) {
    throw new AppError('SOCKET_IN_USE', {
      path: socket,
      problem: `others can write to its folder ${folder}; \`chmod go-w\` it`,
    });
  }
  const found = lstatSync(socket, { throwIfNoEntry: false });
  if (!found) return;
  if (!found.isSocket()) throw new AppError('SOCKET_IN_USE', { path: socket, problem: 'something else has its name' });
  unlinkSync(socket);
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
