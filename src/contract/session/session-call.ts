// The client's side of a session, in gRPC's framing on the HTTP/2 stream itself (decision 64). Frames that are there in one turn of the event
// loop leave in one write, and more are asked for when that has left, so that whoever makes them may join what waits.
import { type ClientHttp2Stream, constants } from 'node:http2';
import type { DescMessage, DescMethod, Message, MessageInitShape } from '@bufbuild/protobuf';
import { Code, ConnectError } from '@connectrpc/connect';
import { requestHeader, validateResponse, validateTrailer } from '@connectrpc/connect/protocol-grpc';
import type { H2Sessions } from '../h2-sessions.ts';
import type { WireBounds } from '../wire-meter.ts';
import { callBroken, callReset, messageTooLarge } from './call-broken.ts';
import { FrameSplitter, framed, unframed } from './grpc-framing.ts';
import { InboundFrames } from './inbound-frames.ts';

export interface SessionCall {
  readonly method: DescMethod;
  readonly sessionManager: H2Sessions;
  readonly headers: Headers;
  readonly frames: AsyncIterable<MessageInitShape<DescMessage>>;
  readonly signal: AbortSignal | undefined;
  /** Largest message to take, in bytes. */
  readonly readMaxBytes: number;
  /** What one message may hold. */
  readonly bounds: WireBounds;
}

export interface OpenCall<Frame = Message> {
  /** Empty until the other side answers. */
  readonly header: Headers;
  readonly trailer: Headers;
  readonly message: AsyncIterable<Frame>;
}

/** Opens the stream; it does not wait for an answer. Rejects with a ConnectError, as what comes of it does. */
export async function openCall(call: SessionCall): Promise<OpenCall> {
  const { method, sessionManager, headers, frames, signal } = call;
  const path = `/${method.parent.typeName}/${method.name}`;
  const head = Object.fromEntries(requestHeader(true, undefined, headers));
  const stream = await unlessAborted(sessionManager.request('POST', path, head, {}), signal);
  const [header, trailer] = [new Headers(), new Headers()];
  let foundStatus = false;
  let inbound: InboundFrames<Message> | undefined;
  const broken = (reason: unknown) => {
    inbound?.break(callBroken(reason, stream.rstCode));
    if (!stream.closed) stream.close(constants.NGHTTP2_CANCEL);
  };
  stream.on('error', broken);
  stream.once('close', () => stream.rstCode !== 0 && broken(callReset(stream.rstCode)));
  stream.on('trailers', (fields) => fill(trailer, fields));
  stream.on('response', (fields) => {
    try {
      fill(header, fields);
      const response = validateResponse(fields[':status'] ?? 0, header);
      foundStatus = response.foundStatus;
      if (response.headerError) broken(response.headerError);
    } catch (error) {
      broken(error);
    }
  });
  inbound = new InboundFrames(stream, splitterOf(call), (bytes) => unframed(method.output, bytes, call.bounds));
  const abort = () => broken(canceled(signal));
  signal?.addEventListener('abort', abort, { once: true });
  if (signal?.aborted) abort();
  write(stream, method.input, frames).catch(broken);
  const read = inbound;
  async function* received() {
    try {
      for await (const frame of read) {
        sessionManager.notifyResponseByteRead(stream);
        yield frame;
      }
      if (!foundStatus) validateTrailer(trailer, header);
    } catch (error) {
      throw callBroken(error);
    } finally {
      signal?.removeEventListener('abort', abort);
    }
  }
  return { header, trailer, message: received() };
}

const canceled = (signal: AbortSignal | undefined): ConnectError =>
  new ConnectError('the call was ended here', Code.Canceled, undefined, undefined, signal?.reason);

/** The stream, or why there is none; one that is opened too late is closed. */
function unlessAborted(opening: Promise<ClientHttp2Stream>, signal?: AbortSignal): Promise<ClientHttp2Stream> {
  return new Promise((resolve, reject) => {
    const abort = () => reject(canceled(signal));
    signal?.addEventListener('abort', abort, { once: true });
    if (signal?.aborted) abort();
    opening
      .then(
        (stream) => {
          resolve(stream);
          if (signal?.aborted) stream.on('error', () => {}).close(constants.NGHTTP2_CANCEL);
        },
        (error: unknown) => reject(callBroken(error)),
      )
      .finally(() => signal?.removeEventListener('abort', abort));
  });
}

const splitterOf = ({ readMaxBytes }: SessionCall): FrameSplitter =>
  new FrameSplitter({
    most: readMaxBytes,
    tooLarge: messageTooLarge,
    packed: () => new ConnectError('a message came packed, which nobody asked for', Code.Internal),
  });

function fill(headers: Headers, fields: Readonly<Record<string, unknown>>): void {
  for (const [name, value] of Object.entries(fields)) {
    if (name.startsWith(':') || value === undefined) continue;
    for (const each of Array.isArray(value) ? value : [value]) headers.append(name, String(each));
  }
}

/** Writes what is there in one turn at once, and waits until that has left. */
async function write(
  stream: ClientHttp2Stream,
  schema: DescMessage,
  frames: AsyncIterable<MessageInitShape<DescMessage>>,
): Promise<void> {
  const each = frames[Symbol.asyncIterator]();
  const over = () => void each.return?.()?.catch(() => {});
  stream.once('close', over);
  let pending: ReturnType<typeof each.next> | undefined;
  for (;;) {
    let next = await (pending ?? each.next());
    if (stream.destroyed || stream.closed) return;
    stream.cork();
    const turn = new Promise<undefined>((resolve) => setImmediate(resolve, undefined));
    let left: Promise<void>;
    for (;;) {
      if (next.done) {
        stream.end();
        return;
      }
      const bytes = framed(schema, next.value);
      // Whether it could be written is told by the stream.
      left = new Promise((resolve) => stream.write(bytes, () => resolve()));
      pending = undefined;
      if (stream.writableNeedDrain) break;
      pending = each.next();
      const more = await Promise.race([pending, turn]);
      if (!more) break;
      next = more;
    }
    stream.uncork();
    await left;
  }
}
