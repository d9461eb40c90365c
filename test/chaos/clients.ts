// Clients of the harness: the owner at the control plane (through the balancer) and at an edge's socket. Each act has a
// connection of its own, as programs that start have.
import { Code, ConnectError, type Interceptor } from '@connectrpc/connect';
import { createGrpcTransport } from '@connectrpc/connect-node';
import { ErrorInfoSchema } from '../../gen/google/rpc/error_details_pb.ts';
import { dialOpen } from '../../src/contract/channel/dial-open.ts';
import { dialHomeSocket } from '../../src/contract/channel/home-socket.ts';
import { H2Sessions } from '../../src/contract/h2-sessions.ts';

export type Transport = ReturnType<typeof createGrpcTransport>;

/** Acts at the control plane behind this port of loopback. */
export function onControl<T>(port: number, ownerKey: string, act: (transport: Transport) => Promise<T>): Promise<T> {
  const url = `http://127.0.0.1:${port}`;
  return on(url, new H2Sessions(url, { dial: dialOpen(url), ping: PINGS }), ownerKey, act);
}

/** Acts at the edge that listens on this socket. */
export function onEdge<T>(socket: string, ownerKey: string, act: (transport: Transport) => Promise<T>): Promise<T> {
  const url = 'http://localhost';
  return on(url, new H2Sessions(url, { dial: () => dialHomeSocket(socket), ping: PINGS }), ownerKey, act);
}

/** The reason of an error as it came over the wire, else its code in words. */
export function reasonOf(error: unknown): string {
  const known = ConnectError.from(error);
  const reason = known.findDetails(ErrorInfoSchema)[0]?.reason;
  if (reason !== undefined) return reason;
  // Broken off on the way, or given up here: whether it happened is not known.
  return LOST.has(known.code) ? 'lost' : Code[known.code];
}

const LOST = new Set([
  Code.Unavailable,
  Code.Canceled,
  Code.Aborted,
  Code.DeadlineExceeded,
  Code.Internal,
  Code.Unknown,
]);

/** A peer that stopped is noticed within some seconds. */
const PINGS = { pingIntervalMs: 1_500, pingTimeoutMs: 1_500 };

async function on<T>(
  baseUrl: string,
  sessionManager: H2Sessions,
  ownerKey: string,
  act: (transport: Transport) => Promise<T>,
): Promise<T> {
  const authorize: Interceptor = (next) => (request) => {
    request.header.set('authorization', `Bearer ${ownerKey}`);
    return next(request);
  };
  try {
    return await act(
      createGrpcTransport({ baseUrl, sessionManager, interceptors: [authorize], readMaxBytes: 32 << 20 }),
    );
  } finally {
    sessionManager.abort();
  }
}
