// A gRPC client whose answers are measured, message by message, before they are decoded: a peer that is not what it should be cannot fill the
// memory of this program with one frame.
import type { DescMessage, DescMethod, MessageShape } from '@bufbuild/protobuf';
import type { Interceptor, Transport } from '@connectrpc/connect';
import { createTransport } from '@connectrpc/connect/protocol-grpc';
import { createNodeHttpClient } from '@connectrpc/connect-node';
import type { H2Sessions } from './h2-sessions.ts';
import { measuredBody } from './measured-body.ts';
import { type OpenCall, openCall } from './session/session-call.ts';
import { WIRE_BOUNDS, type WireBounds } from './wire-meter.ts';

export interface MeasuredTransportOptions {
  readonly baseUrl: string;
  readonly sessionManager: H2Sessions;
  readonly interceptors?: Interceptor[];
  /** Sent with each call. */
  readonly headers?: () => Readonly<Record<string, string>>;
  /** Largest message to take, in bytes. */
  readonly readMaxBytes: number;
  /** Largest message to send, in bytes; default 64 MiB. */
  readonly writeMaxBytes?: number;
  /** What one message may hold. */
  readonly bounds?: WireBounds;
}

/** Nothing comes compressed. Streams both ways are sessions, and go their own way. */
export function measuredTransport(options: MeasuredTransportOptions): Transport {
  const { baseUrl, sessionManager, headers = none, readMaxBytes, writeMaxBytes = 64 << 20 } = options;
  const withHeaders: Interceptor = (next) => (request) => {
    for (const [name, value] of Object.entries(headers())) request.header.set(name, value);
    return next(request);
  };
  const interceptors = [...(options.interceptors ?? []), withHeaders];
  const bounds = options.bounds ?? WIRE_BOUNDS;
  const send = createNodeHttpClient({ httpVersion: '2', sessionProvider: () => sessionManager });
  const answers = new Map<string, DescMessage>();
  const inner = createTransport({
    baseUrl,
    interceptors,
    readMaxBytes,
    writeMaxBytes,
    useBinaryFormat: true,
    acceptCompression: [],
    sendCompression: null,
    compressMinBytes: writeMaxBytes,
    httpClient: async (request) => {
      const response = await send(request);
      const schema = answers.get(new URL(request.url).pathname.split('/').slice(-2).join('/'));
      if (!schema) return response;
      const form = { schema, json: false, enveloped: true, bounds };
      return { ...response, body: measuredBody(response.body, form, readMaxBytes) };
    },
  });
  const note = ({ parent, name, output }: DescMethod) => answers.set(`${parent.typeName}/${name}`, output);
  return {
    unary(method, ...rest) {
      note(method);
      return inner.unary(method, ...rest);
    },
    async stream(method, signal, timeoutMs, header, input, contextValues) {
      if (method.methodKind !== 'bidi_streaming') {
        note(method);
        return inner.stream(method, signal, timeoutMs, header, input, contextValues);
      }
      const all = new Headers(header);
      for (const [name, value] of Object.entries(headers())) all.set(name, value);
      const call = { method, sessionManager, headers: all, frames: input, signal, readMaxBytes, bounds };
      const opened = (await openCall(call)) as OpenCall<MessageShape<typeof method.output>>;
      return { stream: true, service: method.parent, method, ...opened };
    },
  };
}

const none = (): Readonly<Record<string, string>> => ({});
