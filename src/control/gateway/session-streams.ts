// The streams of edges and workers, in gRPC's framing on the HTTP/2 stream itself: the library's way of a frame is some twenty promises
// each way (decision 64). Whoever speaks another framing, or packs its frames, is served by the library as any call is.
import type { Http2ServerResponse } from 'node:http2';
import type { DescMethod, DescService, Message, MessageInitShape } from '@bufbuild/protobuf';
import {
  Code,
  ConnectError,
  type ConnectRouter,
  createHandlerContext,
  type HandlerContext,
  type ServiceImpl,
} from '@connectrpc/connect';
import type { UniversalServerRequest } from '@connectrpc/connect/protocol';
import { setTrailerStatus } from '@connectrpc/connect/protocol-grpc';
import { EdgeService } from '../../../gen/bowline/edge/v1/edge_pb.ts';
import { WorkerService } from '../../../gen/bowline/worker/v1/worker_pb.ts';
import { AppError } from '../../base/errors.ts';
import type { Logger } from '../../base/logger.ts';
import { tellable } from '../../contract/rpc-errors.ts';
import { shortenText, unanswerable } from '../../contract/serve-requests.ts';
import { FrameSplitter, framed, framedContent, unframed } from '../../contract/session/grpc-framing.ts';
import { InboundFrames } from '../../contract/session/inbound-frames.ts';
import { type BegunFrames, HELLO_BYTES } from './begun-frames.ts';
import { peerOf } from './call-principal.ts';
import { blamedPeer } from './interceptors.ts';
import type { PeerFrame } from './peer-queue.ts';
import { sessionFrameTooLarge } from './too-large.ts';

export interface SessionStreamParts {
  /** Judges a call before its body is read. */
  readonly gate: ((context: HandlerContext) => Promise<void> | void) | undefined;
  readonly maxFrameBytes: number;
  readonly begun: BegunFrames;
  readonly log: Logger;
}

type Serve = (requests: AsyncIterable<unknown>, context: HandlerContext) => AsyncIterable<PeerFrame<SaidBody>>;
type SaidBody = { readonly encoded?: Uint8Array } | undefined;

interface Session {
  readonly method: DescMethod;
  readonly serve: Serve;
}

/** What is served so. */
export const SESSIONS: ReadonlySet<DescMethod> = new Set([EdgeService.method.connect, WorkerService.method.work]);
const FORMS: ReadonlySet<string> = new Set(['application/grpc', 'application/grpc+proto']);
/** Whoever sends these wants what the library does for it. */
const WANTS_MORE = ['grpc-encoding', 'content-encoding', 'grpc-timeout'] as const;

export class SessionStreams {
  readonly #parts: SessionStreamParts;
  readonly #sessions = new Map<string, Session>();

  constructor(parts: SessionStreamParts) {
    this.#parts = parts;
  }

  /** The same router; who serves sessions is remembered. */
  noting(router: ConnectRouter): ConnectRouter {
    const noting: ConnectRouter = {
      ...router,
      service: <Desc extends DescService>(service: Desc, impl: Partial<ServiceImpl<Desc>>) => {
        for (const method of service.methods) {
          const serve = (impl as Record<string, Serve | undefined>)[method.localName];
          if (serve && SESSIONS.has(method))
            this.#sessions.set(`/${service.typeName}/${method.name}`, { method, serve });
        }
        router.service(service, impl);
        return noting;
      },
    };
    return noting;
  }

  /** How to serve this call, if it is one of a session in the framing that is spoken here. */
  find(path: string, { method, header }: UniversalServerRequest): Session | undefined {
    const session = this.#sessions.get(path);
    if (!session || method !== 'POST' || !FORMS.has(header.get('content-type') ?? '')) return undefined;
    return WANTS_MORE.some((name) => header.has(name)) ? undefined : session;
  }

  /** Serves it to its end. Rejects where that fails although the peer is still there. */
  async serve({ method, serve }: Session, call: UniversalServerRequest, response: Http2ServerResponse): Promise<void> {
    const { gate, log } = this.#parts;
    const context = createHandlerContext({
      service: method.parent,
      method,
      protocolName: 'grpc',
      requestMethod: call.method,
      requestSignal: call.signal,
      requestHeader: call.header,
      url: call.url,
      ...(call.contextValues && { contextValues: call.contextValues }),
    });
    const trailer = new Headers({ 'grpc-status': '0' });
    let frames: InboundFrames<Message> | undefined;
    try {
      await gate?.(context);
      frames = this.#inbound(method, response, peerOf(context.values));
      await write(method, serve(frames, context), response);
      context.abort();
    } catch (error) {
      context.abort(error);
      setTrailerStatus(trailer, tellable(blamedPeer(error), log));
      shortenText(trailer);
    } finally {
      void frames?.return();
    }
    if (unanswerable(response)) return;
    begin(response);
    response.addTrailers(Object.fromEntries(trailer));
    response.end();
  }

  #inbound({ input }: DescMethod, { stream }: Http2ServerResponse, peer: string): InboundFrames<Message> {
    const begun = this.#parts.begun.open(peer, (error) => frames.break(error));
    const splitter = new FrameSplitter({
      most: this.#parts.maxFrameBytes,
      mostFirst: HELLO_BYTES,
      onHeld: begun.hold,
      tooLarge: sessionFrameTooLarge,
      packed: notAsked,
    });
    const frames = new InboundFrames<Message>(stream, splitter, (bytes) => unframed(input, bytes));
    return frames;
  }
}

/** In gRPC a message that is marked as compressed, in a call that names no encoding, is an internal error. */
const notAsked = (flags: number): ConnectError =>
  new ConnectError(
    `a frame has the flags ${flags}: without grpc-encoding frames must not be compressed, and no other flag is known`,
    Code.Internal,
  );

function begin(response: Http2ServerResponse): void {
  if (!response.headersSent) response.writeHead(200, { 'content-type': 'application/grpc+proto' });
}

/** Writes what is to be said, at the pace of the stream. */
async function write(
  { output }: DescMethod,
  frames: AsyncIterable<PeerFrame<SaidBody>>,
  response: Http2ServerResponse,
): Promise<void> {
  const each = frames[Symbol.asyncIterator]();
  const { stream } = response;
  // Not in the loop, which would keep the last frame and its bytes until the next one comes.
  const say = ({ done, value }: IteratorResult<PeerFrame<SaidBody>>): 'end' | 'more' | 'full' => {
    if (done) return 'end';
    if (unanswerable(response)) throw new AppError('CANCELED');
    begin(response);
    return stream.write(bytesOf(output, value)) ? 'more' : 'full';
  };
  try {
    for (;;) {
      const said = await each.next().then(say);
      if (said === 'end') return;
      if (said === 'full') await drained(stream);
    }
  } finally {
    void each.return?.()?.catch(() => {});
  }
}

function bytesOf(output: DescMethod['output'], frame: PeerFrame<SaidBody>): Buffer {
  const content = frame.frame?.encoded;
  if (frame.header && content) return framedContent(frame.header, content);
  return framed(output, frame as unknown as MessageInitShape<DescMethod['output']>);
}

/** Resolves when more may be written, or nothing ever will be. */
function drained(stream: Http2ServerResponse['stream']): Promise<void> {
  return new Promise((resolve) => {
    const done = () => {
      stream.off('drain', done);
      stream.off('close', done);
      resolve();
    };
    stream.once('drain', done);
    stream.once('close', done);
  });
}
