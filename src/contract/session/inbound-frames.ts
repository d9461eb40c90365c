// The frames that come on one HTTP/2 stream, decoded as they are asked for. What waits is bounded: beyond that the stream is not read, and its
// window stops the other side.
import type { Http2Stream } from 'node:http2';
import type { FrameSplitter } from './grpc-framing.ts';

/** Bytes and messages that may wait before the stream is held. */
const MOST_BYTES = 64 << 10;
const MOST_WAITING = 256;

export class InboundFrames<Frame> implements AsyncIterableIterator<Frame, undefined> {
  readonly #stream: Pick<Http2Stream, 'pause' | 'resume' | 'isPaused'>;
  readonly #decode: (bytes: Uint8Array) => Frame;
  readonly #splitter: FrameSplitter;
  #waiting: Uint8Array[] = [];
  #next = 0;
  #bytes = 0;
  #end: { readonly error?: unknown } | undefined;
  #wanted: PromiseWithResolvers<IteratorResult<Frame, undefined>> | undefined;

  /** Begins to read. @param decode throws what the reader is to be told */
  constructor(stream: Http2Stream, splitter: FrameSplitter, decode: (bytes: Uint8Array) => Frame) {
    this.#stream = stream;
    this.#decode = decode;
    this.#splitter = splitter;
    const receive = (piece: Buffer) => {
      if (this.#end) return;
      try {
        const messages = splitter.split(piece);
        // It may have been broken off by what is held of this piece.
        if (!this.#end) this.#add(messages);
      } catch (error) {
        this.#finish({ error });
      }
    };
    stream.on('data', receive);
    stream.once('end', () => this.#finish(splitter.cut ? { error: gone('in the middle of a frame') } : {}));
    stream.once('close', () => this.#finish({ error: gone('before its end') }));
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  next(): Promise<IteratorResult<Frame, undefined>> {
    const bytes = this.#waiting[this.#next];
    if (bytes) return this.#take(bytes);
    if (this.#end) {
      if ('error' in this.#end) return Promise.reject(this.#end.error);
      return Promise.resolve({ done: true, value: undefined });
    }
    this.#wanted = Promise.withResolvers();
    return this.#wanted.promise;
  }

  /** It is broken off: nothing more is given, and what waits is dropped. */
  break(error: unknown): void {
    if (this.#end) return;
    this.#waiting = [];
    this.#next = 0;
    this.#finish({ error });
  }

  /** Nobody reads any more: what still comes is dropped. */
  return(): Promise<IteratorResult<Frame, undefined>> {
    this.#waiting = [];
    this.#next = 0;
    this.#finish({});
    this.#stream.resume();
    return Promise.resolve({ done: true, value: undefined });
  }

  #take(bytes: Uint8Array): Promise<IteratorResult<Frame, undefined>> {
    this.#next++;
    this.#bytes -= bytes.length;
    if (this.#next === this.#waiting.length) {
      this.#waiting = [];
      this.#next = 0;
      if (this.#stream.isPaused()) this.#stream.resume();
    }
    try {
      return Promise.resolve({ done: false, value: this.#decode(bytes) });
    } catch (error) {
      this.#finish({ error });
      return Promise.reject(error);
    }
  }

  #add(messages: Uint8Array[]): void {
    if (messages.length === 0) return;
    for (const bytes of messages) {
      this.#waiting.push(bytes);
      this.#bytes += bytes.length;
    }
    if (this.#bytes > MOST_BYTES || this.#waiting.length - this.#next > MOST_WAITING) this.#stream.pause();
    this.#tell();
  }

  #finish(end: { readonly error?: unknown }): void {
    if (this.#end) return;
    this.#end = end;
    this.#splitter.drop();
    this.#tell();
  }

  #tell(): void {
    const wanted = this.#wanted;
    if (!wanted) return;
    this.#wanted = undefined;
    this.next().then(wanted.resolve, wanted.reject);
  }
}

const gone = (when: string): Error =>
  Object.assign(new Error(`the stream was closed ${when}`), { code: 'ERR_STREAM_PREMATURE_CLOSE' });
