// The listener: gRPC, gRPC-Web and Connect on one HTTP/2 port. It pings every connection, so that a peer that is gone is
// noticed whatever its streams do.
import { constants, createServer, type Http2Server, type ServerHttp2Session } from 'node:http2';
import type { AddressInfo } from 'node:net';
import { type ConnectRouter, createContextValues, type Interceptor } from '@connectrpc/connect';
import { connectNodeAdapter } from '@connectrpc/connect-node';
import type { Clock } from '../../base/clock.ts';
import { AppError } from '../../base/errors.ts';
import type { Logger } from '../../base/logger.ts';
import { Heartbeat } from './heartbeat.ts';
import { gatherKey, resetKey } from './opening.ts';

export interface ServerOptions {
  readonly host: string;
  readonly port: number;
  readonly heartbeatMs: number;
  readonly maxFrameBytes: number;
  readonly routes: (router: ConnectRouter) => void;
  readonly interceptors: Interceptor[];
  readonly clock: Clock;
  readonly log: Logger;
}

export interface RunningServer {
  readonly host: string;
  readonly port: number;
  /** Takes no new connections and asks those who are connected to go elsewhere; calls and sessions that are open go on. */
  refuse(): void;
  /** Ends open connections too, after their calls or at the deadline. */
  close(deadlineMs: number): Promise<void>;
}

const LOOPBACK = /^(127\.|::1$|localhost$)/;

/** Refuses early what `listen` would refuse late: before anything slow was started for it. Throws as `listen` does. */
export async function mustBeListenable(host: string, port: number): Promise<void> {
  if (!LOOPBACK.test(host)) throw new AppError('INSECURE_LISTEN', { host });
  if (port === 0) return;
  const probe = createServer();
  await bind(probe, host, port);
  await new Promise<void>((resolve) => probe.close(() => resolve()));
}

/** Listens. Throws PORT_TAKEN, LISTEN_FAILED, and INSECURE_LISTEN for an address beyond loopback. */
export async function listen(options: ServerOptions): Promise<RunningServer> {
  const { host, port, log } = options;
  if (!LOOPBACK.test(host)) throw new AppError('INSECURE_LISTEN', { host });
  const sessions = new Set<ServerHttp2Session>();
  const server = createServer(
    { settings: { maxConcurrentStreams: 10_000, initialWindowSize: 1 << 20 } },
    connectNodeAdapter({
      routes: options.routes,
      interceptors: options.interceptors,
      readMaxBytes: options.maxFrameBytes,
      writeMaxBytes: options.maxFrameBytes,
      // Raw bytes; a peer that needs compression says so and gets it.
      compressMinBytes: 16 << 10,
      contextValues: (request) => {
        if (!('stream' in request)) return createContextValues();
        const { stream } = request;
        const gather = () => {
          stream.cork();
          setImmediate(() => stream.uncork());
        };
        const reset = () => stream.close(constants.NGHTTP2_CANCEL);
        return createContextValues().set(resetKey, reset).set(gatherKey, gather);
      },
    }),
  );
  server.on('session', (session) => {
    sessions.add(session);
    session.once('close', () => sessions.delete(session));
    session.on('error', (error) => log.debug('a connection failed', { why: error.message }));
    keepAlive(session, options.clock, options.heartbeatMs);
  });
  await bind(server, host, port);
  server.on('error', (error) => log.error('the listener failed', error));
  const bound = server.address() as AddressInfo;
  let closed: Promise<void> | undefined;
  return {
    host,
    port: bound.port,
    refuse: () => {
      closed ??= refuse(server);
    },
    close: (deadlineMs) => {
      closed ??= refuse(server);
      return close(closed, sessions, deadlineMs);
    },
  };
}

function bind(server: Http2Server, host: string, port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    const failed = (error: NodeJS.ErrnoException) => {
      if (error.code === 'EADDRINUSE') reject(new AppError('PORT_TAKEN', { host, port }, { cause: error }));
      else
        reject(new AppError('LISTEN_FAILED', { host, port, problem: error.code ?? error.message }, { cause: error }));
    };
    server.once('error', failed);
    server.listen(port, host, () => {
      server.off('error', failed);
      resolve();
    });
  });
}

/** A connection that does not answer a ping for two intervals is destroyed; its streams end with it. */
function keepAlive(session: ServerHttp2Session, clock: Clock, intervalMs: number): void {
  const heartbeat = new Heartbeat({
    clock,
    intervalMs,
    ping: () => {
      if (!session.destroyed) session.ping((error) => error || heartbeat.heard());
    },
    dead: () => session.destroy(),
  });
  session.once('close', () => heartbeat.stop());
}

/** Resolves when the last connection is gone. */
function refuse(server: Http2Server): Promise<void> {
  return new Promise((resolve) => {
    server.close(() => resolve());
  });
}

async function close(closed: Promise<void>, sessions: Set<ServerHttp2Session>, deadlineMs: number): Promise<void> {
  for (const session of sessions) session.close();
  const timer = setTimeout(() => {
    for (const session of sessions) session.destroy();
  }, deadlineMs);
  await closed;
  clearTimeout(timer);
}
