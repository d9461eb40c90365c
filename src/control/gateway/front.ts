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
import { passingCertificate } from './passing-certificate.ts';

export interface FrontOptions {
  /** Takes the connections over; it does not listen itself. */
  readonly http2: Http2Server;
  /** Certificate chain and key in PEM of the operator; with them nothing is served in clear. */
  readonly tls?: { readonly cert: string; readonly key: Secret } | undefined;
  readonly sign: Sign;
  /** How long a connection may take to begin, in milliseconds, and how many may be about to. */
  readonly beginMs: number;
  readonly maxBeginning: number;
  readonly clock: Clock;
  readonly log: Logger;
}

/** The first byte of a TLS record with a handshake; HTTP/2 in clear begins with `P`. */
const HANDSHAKE = 0x16;

/** The server that listens. Throws TLS_UNUSABLE. */
export function frontOf(options: FrontOptions): Server {
  const secure = tlsFront(options);
  return options.tls ? secure : eitherFront(options, secure);
}

function tlsFront({ http2, tls, sign, beginMs, log }: FrontOptions): TlsServer {
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
    const serve = () => http2.emit('connection', socket);
    if (socket.alpnProtocol !== PROVEN_PROTOCOL) return serve();
    socket.on('error', () => {});
    // HTTP/2 takes the socket over below its streams: nothing of ours may be on its way then.
    socket.write(proveChannel(socket, sign), (error) => error || serve());
  });
  return server;
}

/** Looks at the first byte of a connection and gives it to the one or the other. */
function eitherFront({ http2, beginMs, maxBeginning, clock, log }: FrontOptions, secure: TlsServer): Server {
  const beginning = new Set<Socket>();
  return createServer({ noDelay: true }, (socket) => {
    const stop = clock.after(beginMs, () => socket.destroy());
    const read = () => {
      const first: Buffer | null = socket.read();
      if (!first?.length) return;
      done();
      socket.unshift(first);
      (first[0] === HANDSHAKE ? secure : http2).emit('connection', socket);
    };
    const done = () => {
      stop();
      beginning.delete(socket);
      socket.off('readable', read).off('close', done);
    };
    socket.on('error', () => {});
    socket.on('readable', read).on('close', done);
    beginning.add(socket);
    if (beginning.size <= maxBeginning) return;
    const [oldest] = beginning;
    log.warn('a connection was ended: too many have not begun', {
      limit: maxBeginning,
      setting: 'BOWLINE_MAX_STRANGERS',
    });
    oldest?.destroy();
  });
}
