// What stands before HTTP/2 at the port. Who asks for it gets the proof that this is the control plane, as the first bytes inside
// TLS. Without a certificate of the operator, the port (of loopback then) speaks both: TLS to our own programs, HTTP/2 in clear
// to clients that do not know the proof. It knows connections, no calls.
import type { Http2Server } from 'node:http2';
import { createServer, type Server, type Socket } from 'node:net';
import { createServer as createTlsServer, type TLSSocket, type Server as TlsServer } from 'node:tls';
import type { Clock } from '../../base/clock.ts';
import { AppError } from '../../base/errors.ts';
import type { Logger } from '../../base/logger.ts';
import type { Secret } from '../../base/secret.ts';
import { PROVEN_PROTOCOL, proveChannel, type Sign } from '../../contract/channel/channel-proof.ts';
import { ConnectionLine } from './connection-line.ts';
import { passingCertificate } from './passing-certificate.ts';

export interface FrontOptions {
  /** Takes the connections over; it does not listen itself. */
  readonly http2: Http2Server;
  /** Certificate chain and key in PEM of the operator; with them nothing is served in clear. */
  readonly tls?: { readonly cert: string; readonly key: Secret } | undefined;
  readonly sign: Sign;
  /** How long a connection may take to begin, in milliseconds, and how many may be about to; with those that wait, twice as many. */
  readonly beginMs: number;
  readonly maxBeginning: number;
  readonly clock: Clock;
  readonly log: Logger;
}

/** The first byte of a TLS record with a handshake; HTTP/2 in clear begins with `P`. */
const HANDSHAKE = 0x16;

/** The server that listens. Throws TLS_UNUSABLE. */
export function frontOf(options: FrontOptions): Server {
  const { http2, tls, beginMs, maxBeginning, clock, log } = options;
  /** Accepted, and not yet with HTTP/2: by the address of their peer, which TLS on top of them shows too. */
  const beginning = new Map<string, { readonly socket: Socket; readonly over: () => void }>();
  const begin = (socket: Socket) => {
    beginning.get(peerOf(socket))?.over();
    http2.emit('connection', socket);
  };
  const secure = tlsFront(options, begin);
  const tooMany = (socket: Socket | undefined, why: string) => {
    log.warn(`a connection was ended: ${why}`, { limit: maxBeginning, setting: 'BOWLINE_MAX_STRANGERS' });
    socket?.destroy();
  };
  const line = new ConnectionLine<Socket>((socket) => {
    const peer = peerOf(socket);
    const stop = clock.after(beginMs, () => socket.destroy());
    const over = () => {
      stop();
      beginning.delete(peer);
      socket.off('close', over);
    };
    socket.on('close', over);
    beginning.set(peer, { socket, over });
    if (tls) secure.emit('connection', socket);
    else byFirstByte(socket, (first) => (first === HANDSHAKE ? secure.emit('connection', socket) : begin(socket)));
    if (beginning.size <= maxBeginning) return;
    const [oldest] = beginning.values();
    // At once: its end is told later, and until then it would be the oldest again.
    oldest?.over();
    tooMany(oldest?.socket, 'too many have not begun');
  });
  // What waits is not read: it lies with the system.
  return createServer({ noDelay: true, pauseOnConnect: true }, (socket) => {
    socket.on('error', () => {});
    if (line.length + beginning.size >= 2 * maxBeginning) return tooMany(socket, 'too many wait to begin');
    line.enter(socket);
  });
}

const peerOf = ({ remoteAddress, remotePort }: Socket): string => `${remoteAddress} ${remotePort}`;

/** Looks at the first byte and leaves it there. */
function byFirstByte(socket: Socket, receive: (first: number) => void): void {
  const read = () => {
    const first: Buffer | null = socket.read();
    if (!first?.length) return;
    socket.off('readable', read);
    socket.unshift(first);
    receive(first[0]!);
  };
  socket.on('readable', read);
}

function tlsFront({ tls, sign, beginMs, log }: FrontOptions, begin: (socket: Socket) => void): TlsServer {
  const { cert, key } = tls ? { cert: tls.cert, key: tls.key.reveal() } : passingCertificate();
  let server: TlsServer;
  try {
    server = createTlsServer({
      cert,
      key,
      minVersion: 'TLSv1.3',
      handshakeTimeout: beginMs,
      noDelay: true,
      ALPNCallback: ({ protocols }) => [PROVEN_PROTOCOL, 'h2'].find((each) => protocols.includes(each)),
    });
  } catch (cause) {
    const problem = cause instanceof Error ? cause.message : String(cause);
    throw new AppError('TLS_UNUSABLE', { problem }, { cause });
  }
  server.on('tlsClientError', (error: Error, socket: TLSSocket) => {
    log.info('a connection had no usable TLS', { why: error.message });
    socket.destroy();
  });
  server.on('secureConnection', (socket: TLSSocket) => {
    const serve = () => begin(socket);
    if (socket.alpnProtocol !== PROVEN_PROTOCOL) return serve();
    socket.on('error', () => {});
    // HTTP/2 takes the socket over below its streams: nothing of ours may be on its way then.
    socket.write(proveChannel(socket, sign), (error) => error || serve());
  });
  return server;
}
