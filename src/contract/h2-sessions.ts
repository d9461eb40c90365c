// The HTTP/2 connection of a client. The library's own manager takes its error listener off a connection that just broke;
// what the other side sent wrongly would then end this process. Here every connection keeps one. And a call whose stream ends
// without an error and without an answer, as when a server goes while it connects, would wait for ever: it is told.
// Each connection comes from the `dial` that it is given, which has judged the other side: no call goes out before, nor on another.
import type { ClientHttp2Session, ClientHttp2Stream, SecureClientSessionOptions } from 'node:http2';
import type { Duplex } from 'node:stream';
import { Http2SessionManager } from '@connectrpc/connect-node';
import { AppError } from '../base/errors.ts';
import { toConnectError } from './errors.ts';

type PingOptions = ConstructorParameters<typeof Http2SessionManager>[1];

/** Opens a connection to somebody who may be told secrets, or rejects. */
export type Dial = (signal: AbortSignal) => Promise<Duplex>;

export interface H2Options {
  readonly dial: Dial;
  readonly ping?: PingOptions;
  readonly http2?: Omit<SecureClientSessionOptions, 'createConnection'>;
}

/** A connection that is opened may be gone before its first call: so often it is opened again. */
const TRIES = 3;

export class H2Sessions {
  readonly #manager: Http2SessionManager;
  readonly #dial: Dial;
  readonly #guarded = new WeakSet<ClientHttp2Session>();
  #ending = new AbortController();
  #ready: Duplex | undefined;
  #dialling: Promise<void> | undefined;

  /** @param url of the other side; only its origin is used */
  constructor(url: string, { dial, ping, http2 }: H2Options) {
    this.#dial = dial;
    this.#manager = new Http2SessionManager(url, ping, { ...http2, createConnection: () => this.#usePrepared() });
  }

  get authority(): string {
    return this.#manager.authority;
  }

  async request(...call: Parameters<Http2SessionManager['request']>): Promise<ClientHttp2Stream> {
    const state = this.#manager.state();
    let dial = state === 'closed' || state === 'error';
    for (let tries = 1; ; tries++) {
      if (dial) await this.#prepare();
      try {
        const stream = await this.#manager.request(...call);
        tellOfSilentEnd(stream);
        this.#guard(stream.session as ClientHttp2Session | undefined);
        return stream;
      } catch (error) {
        if (!(error instanceof NotDialled) || tries >= TRIES) throw error;
        dial = true;
      }
    }
  }

  notifyResponseByteRead(...read: Parameters<Http2SessionManager['notifyResponseByteRead']>): void {
    this.#manager.notifyResponseByteRead(...read);
  }

  /** Ends the connection with all its calls. */
  abort(): void {
    this.#ending.abort(Object.assign(new Error('the connection was ended'), { code: 'ECONNRESET' }));
    this.#ending = new AbortController();
    this.#ready?.destroy();
    this.#ready = undefined;
    this.#manager.abort();
  }

  /** Calls that come meanwhile share one connection. */
  async #prepare(): Promise<void> {
    if (this.#ready && !this.#ready.destroyed) return;
    this.#dialling ??= (async () => {
      try {
        const { signal } = this.#ending;
        const ready = await this.#dial(signal).catch((error: unknown) => {
          // The library passes on no other errors of ours.
          throw error instanceof AppError ? toConnectError(error) : error;
        });
        if (signal.aborted) ready.destroy();
        else this.#ready = ready;
      } finally {
        this.#dialling = undefined;
      }
    })();
    await this.#dialling;
  }

  #usePrepared(): Duplex {
    const ready = this.#ready;
    this.#ready = undefined;
    if (!ready || ready.destroyed) throw new NotDialled();
    return ready;
  }

  #guard(session: ClientHttp2Session | undefined): void {
    if (!session || this.#guarded.has(session)) return;
    this.#guarded.add(session);
    // Its calls learn of it by their own errors.
    session.on('error', () => {});
  }
}

/** The manager wants a connection and none was opened for it; it never leaves this file. */
class NotDialled extends Error {}

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
