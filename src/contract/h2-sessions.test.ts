import { once } from 'node:events';
import { constants, createServer as createHttp2Server } from 'node:http2';
import { type AddressInfo, createServer } from 'node:net';
import { create } from '@bufbuild/protobuf';
import { createClient } from '@connectrpc/connect';
import { createGrpcTransport } from '@connectrpc/connect-node';
import { expect, test } from 'vitest';
import { Health, HealthCheckRequestSchema } from '../../gen/grpc/health/v1/health_pb.ts';
import { dialOpen } from './channel/dial-open.ts';
import { H2Sessions } from './h2-sessions.ts';

test('a server that speaks no HTTP/2 fails the call and never ends the process, also when the connection is given up at once', async () => {
  const server = createServer((socket) => {
    socket.on('error', () => {});
    // After the preface of the client: bytes from the middle of another connection.
    socket.once('data', () => socket.write(Buffer.from('000100000001ff00'.repeat(64), 'hex')));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  for (let round = 0; round < 5; round++) {
    const sessions = new H2Sessions(url, { dial: dialOpen(url) });
    const transport = createGrpcTransport({ baseUrl: url, sessionManager: sessions });
    const call = createClient(Health, transport).check(create(HealthCheckRequestSchema));
    await expect(call.finally(() => sessions.abort())).rejects.toThrow();
  }
  const closed = once(server, 'close');
  server.close();
  await closed;
});

test('a call whose stream ends without an error and without an answer fails; it does not wait for ever', async () => {
  const server = createHttp2Server();
  server.on('stream', (stream) => stream.close(constants.NGHTTP2_NO_ERROR));
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const sessions = new H2Sessions(url, { dial: dialOpen(url) });
  const transport = createGrpcTransport({ baseUrl: url, sessionManager: sessions });
  await expect(createClient(Health, transport).check({})).rejects.toThrow('ended before the answer');
  sessions.abort();
  const closed = once(server, 'close');
  server.close();
  await closed;
});
