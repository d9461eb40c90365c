// The listener: gRPC, gRPC-Web and Connect on one HTTP/2 port. It pings every connection, so that a peer that is gone is
// noticed whatever its streams do.
import { constants, createServer, type ServerHttp2Session, type ServerHttp2Stream } from 'node:http2';
import type { AddressInfo, Server, Socket } from 'node:net';
import {
  type ConnectRouter,
  type ContextValues,
  createContextValues,
  type HandlerContext,
  type Interceptor,
} from '@connectrpc/connect';
import type { Clock } from '../../base/clock.ts';
import { AppError } from '../../base/errors.ts';
import { bareHost, isLoopback } from '../../base/host.ts';
import type { Logger } from '../../base/logger.ts';
import type { Secret } from '../../base/secret.ts';
import { sparing } from '../../base/sparing-logger.ts';
import type { RequestFaults } from '../../base/stray-errors.ts';
import type { Sign } from '../../contract/channel/channel-proof.ts';
import { answerExpecting } from '../../contract/serve-requests.ts';
import { Heartbeat } from '../../contract/session/heartbeat.ts';
import { type ChangingRoutes, nodeHandler } from './adapter.ts';
import { BegunFrames } from './begun-frames.ts';
import { Connections, STRANGER_STREAMS, sendAway } from './connections.ts';
import { frontOf } from './front.ts';
import { LivePeers } from './live-peers.ts';
import { admitKey, gatherKey, helloMs, liveKey, resetKey } from './opening.ts';
import { Strangers } from './strangers.ts';

export interface ServerOptions {
  readonly host: string;
  readonly port: number;
  readonly heartbeatMs: number;
  readonly maxFrameBytes: number;
  /** Connections at once, and those of them that have shown no credential. */
  readonly maxPeers: number;
  readonly maxStrangers: number;
  /** Calls at once on one connection. */
  readonly maxStreams: number;
  /** Calls without a credential at once on one connection that has shown none, and what calls of all such may hold. */
  readonly maxStrangerCalls: number;
  readonly maxStrangerBytes: number;
  readonly maxHeaderBytes: number;
  /** Bytes of frames that sessions have begun to send, all together. */
  readonly maxBegunBytes: number;
  /** Methods that are answered without a credential. */
  readonly isOpen: (method: HandlerContext['method']) => boolean;
  /** Judges a call before its body is read; throws a ConnectError. */
  readonly gate: (context: HandlerContext) => Promise<void>;
  readonly routes: (router: ConnectRouter) => void;
  readonly changing?: ChangingRoutes;
  readonly interceptors: Interceptor[];
  /** Certificate chain and key in PEM; without them it listens on loopback only, in clear. */
  readonly tls?: ServerTls | undefined;
  /** Signs with the key by which clients know this control plane. */
  readonly sign: Sign;
  readonly clock: Clock;
  readonly log: Logger;
  readonly faults: RequestFaults;
}

export interface ServerTls {
  readonly cert: string;
  readonly key: Secret;
}

export interface RunningServer {
  readonly host: string;
  readonly port: number;
  /** Takes no new connections and asks those who are connected to go elsewhere; calls and sessions that are open go on. */
  refuse(): void;
  /** Ends open connections too, after their calls or at the deadline. */
  close(deadlineMs: number): Promise<void>;
}

/** A connection without a credential may make so many times the calls in all that it may make at once, */
const STRANGER_ROUNDS = 8;
/** and send this part of what all of them may hold. */
const STRANGER_SHARE = 1 / 8;

/** Refuses early what `listen` would refuse late: before anything slow was started for it. Throws as `listen` does. */
export async function mustBeListenable(host: string, port: number, secure = false): Promise<void> {
  if (!secure && !isLoopback(host)) throw new AppError('INSECURE_LISTEN', { host });
  if (port === 0) return;
  const probe = createServer();
  await bind(probe, host, port);
  await new Promise<void>((resolve) => probe.close(() => resolve()));
}

/** Listens. Throws PORT_TAKEN, LISTEN_FAILED, TLS_UNUSABLE, and INSECURE_LISTEN for an address beyond loopback without TLS. */
export async function listen(options: ServerOptions): Promise<RunningServer> {
  const { host, port, log, tls } = options;
  if (!tls && !isLoopback(host)) throw new AppError('INSECURE_LISTEN', { host });
  const limits = {
    maxStrangers: options.maxStrangers,
    strangerMs: helloMs(options.heartbeatMs),
    maxCalls: STRANGER_ROUNDS * options.maxStrangerCalls,
    maxBytes: STRANGER_SHARE * options.maxStrangerBytes,
    maxStreams: options.maxStreams,
  };
  const spared = sparing(log, options.clock);
  const connections = new Connections(limits, options.clock, spared);
  const strangers = new Strangers<ServerHttp2Session>(
    { calls: options.maxStrangerCalls, bytes: options.maxStrangerBytes },
    (session) => {
      spared.warn('a connection was ended: those without a credential sent too much at once, and it sent most', {
        limit: options.maxStrangerBytes,
        setting: 'BOWLINE_MAX_STRANGER_BYTES',
      });
      sendAway(session);
    },
  );
  const peers = new LivePeers();
  const { maxStreams, maxHeaderBytes, maxPeers } = options;
  const settings = {
    maxConcurrentStreams: Math.min(maxStreams, STRANGER_STREAMS),
    initialWindowSize: 1 << 20,
    maxHeaderListSize: maxHeaderBytes,
  };
  const answers = nodeHandler({
    routes: options.routes,
    ...(options.changing ? { changing: options.changing } : {}),
    interceptors: options.interceptors,
    requestGate: options.gate,
    maxFrameBytes: options.maxFrameBytes,
    begun: begunFrames(options.maxBegunBytes, spared),
    // Raw bytes; a peer that needs compression says so and gets it.
    compressMinBytes: 16 << 10,
    contextValues: ({ stream }) => contextOf(stream, connections, strangers, peers),
    isOpen: options.isOpen,
    strangers,
    strangerCalls: options.maxStrangerCalls,
    strangerMs: limits.strangerMs,
    maxHeaderBytes,
    clock: options.clock,
    log: spared,
    faults: options.faults,
  });
  const http2 = createServer({ settings }, answers);
  answerExpecting(http2, answers);
  http2.on('session', (session) => {
    session.on('error', (error) => spared.debug('a connection failed', { why: error.message }));
    connections.add(session);
    keepAlive(session, options.clock, options.heartbeatMs);
  });
  const server = frontOf({
    http2,
    tls,
    sign: options.sign,
    beginMs: limits.strangerMs,
    maxBeginning: options.maxStrangers,
    clock: options.clock,
    log: spared,
  });
  server.maxConnections = maxPeers;
  server.on('drop', () => {
    spared.warn('a connection was refused: too many are open', { limit: maxPeers, setting: 'BOWLINE_MAX_CONNECTIONS' });
  });
  const sockets = new Set<Socket>();
  server.on('connection', (socket: Socket) => {
    sockets.add(socket);
    socket.once('close', () => sockets.delete(socket));
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
      return close(closed, connections.all, sockets, deadlineMs);
    },
  };
}

function begunFrames(limit: number, log: Logger): BegunFrames {
  return new BegunFrames(limit, (peer) =>
    log.warn('a session was ended: all together had begun to send too much, and its peer most', {
      peer,
      limit,
      setting: 'BOWLINE_MAX_BEGUN_BYTES',
    }),
  );
}

/** What a call may do with the connection that it came by. */
function contextOf(
  stream: ServerHttp2Stream,
  connections: Connections,
  strangers: Strangers<ServerHttp2Session>,
  peers: LivePeers,
): ContextValues {
  const gather = () => {
    stream.cork();
    setImmediate(() => stream.uncork());
  };
  const reset = () => stream.close(constants.NGHTTP2_CANCEL);
  const admit = () => {
    const session = stream.session as ServerHttp2Session | undefined;
    if (!session) return;
    connections.admit(session);
    strangers.admit(session);
  };
  const isLive = async () => stream.session !== undefined && (await peers.isLive(stream.session));
  return createContextValues().set(resetKey, reset).set(gatherKey, gather).set(admitKey, admit).set(liveKey, isLive);
}

function bind(server: Server, host: string, port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    const failed = (error: NodeJS.ErrnoException) => {
      if (error.code === 'EADDRINUSE') reject(new AppError('PORT_TAKEN', { host, port }, { cause: error }));
      else
        reject(new AppError('LISTEN_FAILED', { host, port, problem: error.code ?? error.message }, { cause: error }));
    };
    server.once('error', failed);
    server.listen(port, bareHost(host), () => {
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
    silent: () => session.destroy(),
  });
  session.once('close', () => heartbeat.stop());
}

/** Resolves when the last connection is gone. */
function refuse(server: Server): Promise<void> {
  return new Promise((resolve) => {
    server.close(() => resolve());
  });
}

async function close(
  closed: Promise<void>,
  sessions: Set<ServerHttp2Session>,
  sockets: Set<Socket>,
  deadlineMs: number,
): Promise<void> {
  for (const session of sessions) session.close();
  const timer = setTimeout(() => {
    for (const session of sessions) session.destroy();
    // Those that have not begun are no sessions yet.
    for (const socket of sockets) socket.destroy();
  }, deadlineMs);
  await closed;
  clearTimeout(timer);
}
