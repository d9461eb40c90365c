// A home whose edge and control plane are real Connect servers with scripted answers: the edge's on its unix socket, the
// control plane's over h2c. For tests of the command line as a child process.
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Http2Server, type ServerHttp2Session } from 'node:http2';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { ConnectRouter, Interceptor } from '@connectrpc/connect';
import { connectNodeAdapter } from '@connectrpc/connect-node';
import { AppError } from '../../src/base/errors.ts';
import { homePaths } from '../../src/base/home.ts';
import { toConnectError } from '../../src/contract/errors.ts';

type Routes = (router: ConnectRouter) => void;

const KEY = 'bwo_0123456789abcdef0123456789abcdef';

export class ScriptedHome {
  readonly folder = mkdtempSync(join(tmpdir(), 'bowline-cli-'));
  readonly home = join(this.folder, 'home');
  readonly paths = homePaths(this.home);
  /** The caller's folder. */
  readonly cwd = join(this.folder, 'work');
  control = '';
  readonly #servers: { server: Http2Server; sessions: Set<ServerHttp2Session> }[] = [];

  constructor() {
    mkdirSync(this.paths.control, { recursive: true });
    mkdirSync(this.cwd);
    writeFileSync(this.paths.ownerKey, `${KEY}\n`, { mode: 0o600 });
  }

  /** Serves the edge's API; returns what cuts all its connections without a word. */
  async edge(routes: Routes): Promise<{ cut(): void }> {
    return this.#serve(routes, (server, done) => server.listen(this.paths.socket, done));
  }

  /** Serves the control plane and writes where. Larger messages than `readMaxBytes` are refused by the library. */
  async controlPlane(routes: Routes, readMaxBytes = 32 << 20): Promise<{ cut(): void }> {
    const handle = await this.#serve(routes, (server, done) => server.listen(0, '127.0.0.1', done), readMaxBytes);
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
    listen: (server: Http2Server, done: () => void) => void,
    readMaxBytes = 32 << 20,
  ): Promise<{ cut(): void }> {
    const sessions = new Set<ServerHttp2Session>();
    const server = createServer(connectNodeAdapter({ routes, readMaxBytes, interceptors: [errors, authenticated] }));
    server.on('session', (session) => {
      sessions.add(session);
      session.on('close', () => sessions.delete(session));
    });
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject);
      listen(server, resolve);
    });
    this.#servers.push({ server, sessions });
    return {
      cut: () => {
        for (const session of sessions) session.destroy();
      },
    };
  }
}

const authenticated: Interceptor = (next) => (request) => {
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
