// The HTTP/2 connection of a client. The library's own manager takes its error listener off a connection that just broke;
// what the other side sent wrongly would then end this process. Here every connection keeps one. And a call whose stream ends
// without an error and without an answer, as when a server goes while it connects, would wait for ever: it is told.
import type { ClientHttp2Stream } from 'node:http2';
import { Http2SessionManager } from '@connectrpc/connect-node';

type Parts = ConstructorParameters<typeof Http2SessionManager>;

export class H2Sessions {
  readonly #manager: Http2SessionManager;
  readonly #guarded = new WeakSet<object>();

  /** As `Http2SessionManager`. */
  constructor(...parts: Parts) {
    this.#manager = new Http2SessionManager(...parts);
  }

  get authority(): string {
    return this.#manager.authority;
  }

  async request(...call: Parameters<Http2SessionManager['request']>): Promise<ClientHttp2Stream> {
    const stream = await this.#manager.request(...call);
    tellOfSilentEnd(stream);
    const { session } = stream;
    if (session && !this.#guarded.has(session)) {
      this.#guarded.add(session);
      // Its calls learn of it by their own errors.
      session.on('error', () => {});
    }
    return stream;
  }

  notifyResponseByteRead(...read: Parameters<Http2SessionManager['notifyResponseByteRead']>): void {
    this.#manager.notifyResponseByteRead(...read);
  }

  /** Ends the connection with all its calls. */
  abort(): void {
    this.#manager.abort();
  }
}

function tellOfSilentEnd(stream: ClientHttp2Stream): void {
  let answered = false;
  stream.once('response', () => {
    answered = true;
  });
  stream.once('close', () => {
    if (answered || stream.rstCode !== 0 || stream.errored || stream.listenerCount('error') === 0) return;
    stream.emit('error', Object.assign(new Error('the connection ended before the answer'), { code: 'ECONNRESET' }));
  });
}
