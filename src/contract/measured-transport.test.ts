// A control plane that is not what it should be, against a client of ours: what it answers is measured before it is decoded.
import { constants, createServer, type Http2Server, type ServerHttp2Stream } from 'node:http2';
import type { AddressInfo } from 'node:net';
import { connect, type Socket } from 'node:net';
import { createClient } from '@connectrpc/connect';
import { afterEach, expect, test } from 'vitest';
import { EdgeService } from '../../gen/bowline/edge/v1/edge_pb.ts';
import { withTurnWatch } from '../../test/support/turn-watch.ts';
import { toAppError } from './errors.ts';
import { H2Sessions } from './h2-sessions.ts';
import { measuredTransport } from './measured-transport.ts';
import { wasRefused } from './session/call-broken.ts';

let server: Http2Server;
const sockets = new Set<Socket>();

/** Answers every call with these bytes as one message. */
async function answering(message: Buffer): Promise<number> {
  server = createServer((_, response) => {
    const head = Buffer.alloc(5);
    head.writeUInt32BE(message.length, 1);
    response.stream.on('error', () => {});
    response.writeHead(200, { 'content-type': 'application/grpc+proto', trailer: 'grpc-status' });
    response.addTrailers({ 'grpc-status': '0' });
    response.write(Buffer.concat([head, message]));
    response.end();
  });
  server.on('connection', (socket) => {
    sockets.add(socket as Socket);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return (server.address() as AddressInfo).port;
}

afterEach(() => {
  for (const socket of sockets) socket.destroy();
  server.close();
});

const BOUNDS = { fields: 1000, messages: 100, numbers: 1000, 'bytes of text': 1 << 20 };

/** Ends every call like this. */
async function endingWith(end: (stream: ServerHttp2Stream) => void): Promise<number> {
  server = createServer().on('stream', (stream) => {
    stream.on('error', () => {});
    end(stream);
  });
  server.on('connection', (socket) => void sockets.add(socket as Socket));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return (server.address() as AddressInfo).port;
}

const first = (port: number): Promise<unknown> => firstOf(port).catch(String);

async function firstOf(port: number): Promise<unknown> {
  const baseUrl = `http://127.0.0.1:${port}`;
  const dial = async () => connect({ host: '127.0.0.1', port }) as never;
  const sessionManager = new H2Sessions(baseUrl, { dial });
  const transport = measuredTransport({ baseUrl, sessionManager, readMaxBytes: 4 << 20, bounds: BOUNDS });
  try {
    for await (const frame of createClient(EdgeService, transport).connect((async function* () {})())) return frame;
    return undefined;
  } finally {
    sessionManager.abort();
  }
}

test.each([
  ['a stream that it refuses', (stream: ServerHttp2Stream) => stream.close(constants.NGHTTP2_REFUSED_STREAM), true],
  ['a stream of too many', (stream: ServerHttp2Stream) => stream.close(constants.NGHTTP2_ENHANCE_YOUR_CALM), false],
  [
    'a connection that it ends',
    (stream: ServerHttp2Stream) => stream.session?.destroy(undefined, constants.NGHTTP2_ENHANCE_YOUR_CALM),
    false,
  ],
])('%s is no fault: whoever calls may come again', async (_name, end, refused) => {
  const error = await firstOf(await endingWith(end)).then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  expect(toAppError(error)).toMatchObject({ reason: 'UNAVAILABLE', retryable: true });
  expect(wasRefused(toAppError(error))).toBe(refused);
});

const FRAMES = {
  'unknown fields': Buffer.alloc(4 << 20, Buffer.from([0xf8, 1, 1, 0xf8])).subarray(0, 3_999_999),
  'a welcome of junk': Buffer.concat([
    Buffer.from([0x12, 0x80, 0x89, 0x7a]),
    Buffer.alloc(2_000_000, Buffer.from([0x78, 0])),
  ]),
  'headers again and again': Buffer.alloc(2_000_000, Buffer.from([0x0a, 0])),
};

test('a frame that is too much is refused before it is decoded', async () => {
  const cases = Object.entries(FRAMES).map(([name, bytes]) => ({ name, bytes }));
  await withTurnWatch(
    cases,
    async ({ bytes }) => expect(await first(await answering(bytes))).toMatch(/over the limit|stands so/),
    { name: ({ name }) => name },
  );
});

test('an honest frame comes through', async () => {
  const ping = Buffer.from([0x0a, 2, 8, 1]);
  expect(await first(await answering(ping))).toMatchObject({ header: { seq: 1n } });
});
