// A home whose edge and control plane are real Connect servers with scripted answers: the edge's on its unix socket, the
// control plane's over h2c. For tests of the command line as a child process.
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Http2Server, type ServerHttp2Session } from 'node:http2';
import type { AddressInfo, Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { ConnectRouter, Interceptor } from '@connectrpc/connect';
import { connectNodeAdapter } from '@connectrpc/connect-node';
import { Health } from '../../gen/grpc/health/v1/health_pb.ts';
import { AppError } from '../../src/base/errors.ts';
import { homePaths } from '../../src/base/home.ts';
import { pinText } from '../../src/base/pin.ts';
import { toConnectError } from '../../src/contract/errors.ts';
import { provenFront } from './proven-front.ts';

type Routes = (router: ConnectRouter) => void;

const KEY = 'bwo_0123456789abcdef0123456789abcdef';

export class ScriptedHome {
  readonly folder = mkdtempSync(join(tmpdir(), 'bowline-cli-'));
  readonly home = join(this.folder, 'home');
  readonly paths = homePaths(this.home);
  /** The caller's folder. */
  readonly cwd = join(this.folder, 'work');
  control = '';
  readonly #servers: { server: Server; sessions: Set<ServerHttp2Session> }[] = [];

  constructor() {
    mkdirSync(this.paths.control, { recursive: true });
    mkdirSync(this.cwd);
    writeFileSync(this.paths.ownerKey, `${KEY}\n`, { mode: 0o600 });
  }

  /** Serves the edge's API; returns what cuts all its connections without a word. */
  async edge(routes: Routes): Promise<{ cut(): void }> {
    return this.#serve(routes, (http2) => http2.listen(this.paths.socket));
  }

  /** Serves the control plane and writes where. Larger messages than `readMaxBytes` are refused by the library. */
  async controlPlane(routes: Routes, readMaxBytes = 32 << 20): Promise<{ cut(): void }> {
    const proven = (http2: Http2Server) => {
      const { server, publicKey } = provenFront(http2);
      writeFileSync(this.paths.controlPin, `${pinText(publicKey)}\n`, { mode: 0o600 });
      return server.listen(0, '127.0.0.1');
    };
    const handle = await this.#serve(routes, proven, readMaxBytes);
    const { port } = this.#servers.at(-1)!.server.address() as AddressInfo;
    this.control = `http://127.0.0.1:${port}`;
    writeFileSync(this.paths.controlInfo, JSON.stringify({ control: this.control }));
    return handle;
  }

  async close(): Promise<void> {
    for (const { server, sessions } of this.#servers) {
      for (const session of sessions) session.destroy();
      await new Promise<void>((resolve) => server.close(() => resolve()));
    }
    rmSync(this.folder, { recursive: true, force: true });
  }

  async #serve(
    routes: Routes,
    listen: (http2: Http2Server) => Server,
    readMaxBytes = 32 << 20,
  ): Promise<{ cut(): void }> {
    const sessions = new Set<ServerHttp2Session>();
    const http2 = createServer(connectNodeAdapter({ routes, readMaxBytes, interceptors: [errors, authenticated] }));
    http2.on('session', (session) => {
      sessions.add(session);
      session.on('close', () => sessions.delete(session));
    });
    const server = listen(http2);
    await once(server, 'listening');
    this.#servers.push({ server, sessions });
    return {
      cut: () => {
        for (const session of sessions) session.destroy();
      },
    };
  }
}

const authenticated: Interceptor = (next) => (request) => {
  // As at the real port, health is open.
  if (request.service.typeName === Health.typeName) return next(request);
  if (request.header.get('authorization') === `Bearer ${KEY}`) return next(request);
  throw new AppError('UNAUTHENTICATED', { hint: 'owner.key in the home folder' });
};

const errors: Interceptor = (next) => async (request) => {
  try {
    const response = await next(request);
    return response.stream ? { ...response, message: translated(response.message) } : response;
  } catch (error) {
    throw toConnectError(error);
  }
};

async function* translated<T>(messages: AsyncIterable<T>): AsyncIterable<T> {
  try {
    yield* messages;
  } catch (error) {
    throw toConnectError(error);
  }
}
