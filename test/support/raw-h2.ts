// HTTP/2 without manners, for tests of bounds: calls whose answers are never read, bodies and headers as raw as they are
// given, connections that say nothing. It speaks gRPC's framing and nothing else of it.
import { type ClientHttp2Session, type ClientHttp2Stream, connect, constants } from 'node:http2';
import { connect as connectTcp, type Socket } from 'node:net';

/** A message as gRPC frames it. */
export function grpcMessage(bytes: Uint8Array): Buffer {
  const head = Buffer.alloc(5);
  head.writeUInt32BE(bytes.length, 1);
  return Buffer.concat([head, bytes]);
}

/** How a call ended: by its status and headers, or by an error of its stream. */
export interface RawEnd {
  readonly status: string;
  readonly message: string;
  /** Code with which the stream was reset; 0 for none. */
  readonly reset: number;
}

export class RawH2 {
  readonly session: ClientHttp2Session;
  readonly #key: string | undefined;

  constructor(url: string, key?: string) {
    this.session = connect(url);
    this.session.on('error', () => {});
    this.#key = key;
  }

  /** Opens a call and reads nothing of its answer. Without a body its own half stays open. */
  open(path: string, body?: Uint8Array, headers: Readonly<Record<string, string>> = {}): ClientHttp2Stream {
    const stream = this.session.request(
      {
        ':method': 'POST',
        ':path': path,
        'content-type': 'application/grpc+proto',
        te: 'trailers',
        ...(this.#key === undefined ? {} : { authorization: `Bearer ${this.#key}` }),
        ...headers,
      },
      { endStream: false },
    );
    stream.on('error', () => {});
    stream.pause();
    if (body) stream.end(body);
    return stream;
  }

  /** Opens a call and reads it to its end. */
  async call(path: string, body: Uint8Array, headers: Readonly<Record<string, string>> = {}): Promise<RawEnd> {
    const stream = this.open(path, body, headers);
    let [status, message] = ['', ''];
    const take = (fields: Record<string, unknown>) => {
      status = String(fields['grpc-status'] ?? status);
      message = decodeURIComponent(String(fields['grpc-message'] ?? message));
    };
    stream.on('response', take).on('trailers', take);
    stream.resume();
    await new Promise<void>((resolve) => stream.once('close', () => resolve()));
    return { status, message, reset: stream.rstCode ?? constants.NGHTTP2_NO_ERROR };
  }

  get closed(): boolean {
    return this.session.destroyed;
  }

  close(): void {
    this.session.destroy();
  }
}

/** A TCP connection that has said no more than that it speaks HTTP/2. Resolves when the other side ended it. */
export function silentConnection(port: number): { readonly socket: Socket; readonly ended: Promise<void> } {
  const socket = connectTcp(port, '127.0.0.1');
  socket.on('error', () => {});
  socket.resume();
  socket.write('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n');
  // An empty SETTINGS frame.
  socket.write(Buffer.from('000000040000000000', 'hex'));
  return { socket, ended: new Promise((resolve) => socket.once('close', () => resolve())) };
}
