import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { type ClientHttp2Session, connect, constants } from 'node:http2';
import { connect as connectTcp, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { brotliCompressSync, gzipSync } from 'node:zlib';
import { Code, ConnectError, createClient } from '@connectrpc/connect';
import { createGrpcTransport } from '@connectrpc/connect-node';
import { afterEach, expect, test } from 'vitest';
import { Health } from '../../../gen/grpc/health/v1/health_pb.ts';
import { systemClock } from '../../base/clock.ts';
import { silentLogger } from '../../base/logger.ts';
import { Secret } from '../../base/secret.ts';
import { RequestFaults } from '../../base/stray-errors.ts';
import { admitKey } from './opening.ts';
import { listen, mustBeListenable, type RunningServer, type ServerOptions } from './server.ts';

const options: ServerOptions = {
  host: '127.0.0.1',
  port: 0,
  heartbeatMs: 1_000,
  maxFrameBytes: 1 << 20,
  maxPeers: 100,
  maxStrangers: 100,
  maxStreams: 100,
  maxStrangerCalls: 3,
  maxStrangerBytes: 1 << 20,
  isOpen: ({ name }) => name === 'Check',
  maxHeaderBytes: 16 << 10,
  maxBegunBytes: 64 << 20,
  gate: async () => {},
  routes: () => {},
  interceptors: [],
  sign: () => new Uint8Array(64),
  clock: systemClock,
  log: silentLogger,
  faults: new RequestFaults(silentLogger),
};
const servers: RunningServer[] = [];
afterEach(async () => {
  for (const server of servers.splice(0)) await server.close(100);
});

test('a port that is taken, an address beyond loopback and one that is not ours are refused, each with its reason', async () => {
  const server = await listen(options);
  servers.push(server);
  await expect(listen({ ...options, port: server.port })).rejects.toMatchObject({
    reason: 'PORT_TAKEN',
    metadata: { host: '127.0.0.1', port: String(server.port) },
  });
  await expect(mustBeListenable('127.0.0.1', server.port)).rejects.toMatchObject({ reason: 'PORT_TAKEN' });
  await expect(mustBeListenable('0.0.0.0', 0)).rejects.toMatchObject({ reason: 'INSECURE_LISTEN' });
  await expect(listen({ ...options, host: '0.0.0.0' })).rejects.toMatchObject({ reason: 'INSECURE_LISTEN' });
  // Loopback by its name, but of no interface of this machine's other family.
  const foreign = createServer();
  const v6 = await new Promise<boolean>((resolve) =>
    foreign.once('error', () => resolve(false)).listen(0, '::1', () => resolve(true)),
  );
  foreign.close();
  if (!v6) await expect(listen({ ...options, host: '::1' })).rejects.toMatchObject({ reason: 'LISTEN_FAILED' });
});

test('it closes within its deadline whatever its clients do, and the port is free again', async () => {
  const server = await listen(options);
  const client = connect(`http://127.0.0.1:${server.port}`);
  client.on('error', () => {});
  await new Promise<void>((resolve) => client.once('connect', () => resolve()));
  const hanging = client.request({ ':method': 'POST', ':path': '/nowhere' }, { endStream: false });
  hanging.on('error', () => {});
  await server.close(100);
  servers.push(await listen({ ...options, port: server.port }));
  client.destroy();
});

/** A call with headers and a body, to the end of its stream. */
async function call(client: ClientHttp2Session, body: Buffer, headers: Record<string, string> = {}) {
  const stream = client.request({
    ':method': 'POST',
    ':path': '/grpc.health.v1.Health/Check',
    'content-type': 'application/grpc+proto',
    te: 'trailers',
    ...headers,
  });
  stream.on('error', () => {});
  let fields: Record<string, unknown> = {};
  stream.on('response', (more) => {
    fields = { ...fields, ...more };
  });
  stream.on('trailers', (more) => {
    fields = { ...fields, ...more };
  });
  stream.resume().end(body);
  await new Promise<void>((resolve) => stream.once('close', () => resolve()));
  return {
    http: fields[':status'],
    grpc: fields['grpc-status'],
    message: decodeURIComponent(String(fields['grpc-message'] ?? '')),
  };
}

const message = (bytes: number): Buffer => {
  const framed = Buffer.alloc(5 + bytes);
  framed.writeUInt32BE(bytes, 1);
  return framed;
};

async function healthServer(more: Partial<ServerOptions> = {}): Promise<ClientHttp2Session> {
  const routes: ServerOptions['routes'] = (router) => router.service(Health, { check: () => ({}) });
  const server = await listen({ ...options, routes, ...more });
  servers.push(server);
  const client = connect(`http://127.0.0.1:${server.port}`);
  client.on('error', () => {});
  return client;
}

test('a message that cannot be parsed is the fault of its sender', async () => {
  const client = await healthServer();
  // The name of the service, with a byte that no UTF-8 has; then a field that is cut.
  for (const body of [[0x0a, 1, 0xff], [0x0a, 9, 65], [0xff]])
    expect(await call(client, Buffer.from([0, 0, 0, 0, body.length, ...body]))).toMatchObject({
      grpc: '3',
      message: expect.stringContaining('no UTF-8'),
    });
  client.destroy();
});

test('headers and messages that are too large are refused with the limit and the setting, and their streams end', async () => {
  const client = await healthServer();
  expect(await call(client, message(0))).toMatchObject({ http: 200, grpc: '0' });
  // Node resets such a stream by itself, but not before the other side has seen its settings.
  expect((await call(client, message(0), { 'x-much': 'z'.repeat(20_000) })).grpc).toBeUndefined();
  const early = await healthServer();
  expect((await call(early, message(0), { 'x-much': 'z'.repeat(20_000) })).grpc).toBeUndefined();
  early.destroy();
  const large = await call(client, message(5 << 20), { ':path': '/grpc.health.v1.Health/List' });
  expect(large.grpc).toBe('8');
  expect(large.message).toMatch(/5242880 bytes .*1048576 bytes.*BOWLINE_MAX_FRAME_BYTES/);
  client.destroy();
});

test('a call that the gate refuses is answered before its body is read, and its stream ends although the caller still sends', async () => {
  const gate = async () => {
    throw new ConnectError('who are you', Code.Unauthenticated);
  };
  const client = await healthServer({ gate });
  expect(await call(client, message(900 << 10))).toMatchObject({ grpc: '16' });
  client.destroy();
});

/** A call without a credential whose request never ends. */
function endless(client: ClientHttp2Session, body: Buffer, headers: Record<string, string> = {}) {
  const stream = client.request(
    {
      ':method': 'POST',
      ':path': '/grpc.health.v1.Health/Check',
      'content-type': 'application/grpc+proto',
      ...headers,
    },
    { endStream: false },
  );
  stream.on('error', () => {}).resume();
  stream.write(body);
  const status = new Promise<string>((resolve) => {
    const take = (fields: Record<string, unknown>) => fields['grpc-status'] && resolve(String(fields['grpc-status']));
    stream.on('response', take).on('trailers', take);
    stream.once('close', () => resolve('none'));
  });
  return { stream, status };
}

test('a call that needs no credential is small, as it comes and after decompression, whatever the limit of others', async () => {
  const client = await healthServer();
  // What is in it is no message, but it was read.
  expect((await call(client, message(60 << 10))).grpc).toBe('3');
  const large = await call(client, message(65 << 10));
  expect(large).toMatchObject({
    grpc: '8',
    message: expect.stringMatching(/66560 bytes is over 65536 bytes, the fixed/),
  });
  for (const [encoding, pack] of [
    ['gzip', gzipSync],
    ['br', brotliCompressSync],
  ] as const) {
    const packed = pack(Buffer.alloc(900 << 10));
    const framed = Buffer.concat([Buffer.of(1, 0, 0, 0, 0), packed]);
    framed.writeUInt32BE(packed.length, 1);
    const told = await call(client, framed, { 'grpc-encoding': encoding });
    expect(told, encoding).toMatchObject({ grpc: '8', message: expect.stringMatching(/over 65536 bytes, the fixed/) });
  }
  // Much more than the message was said to be.
  const drip = endless(client, Buffer.concat([message(100), Buffer.alloc(80 << 10)]));
  expect(['8', '3']).toContain(await drip.status);
  client.destroy();
});

test('of calls without a credential few are open at once on a connection, and a request that never ends is ended', async () => {
  const client = await healthServer();
  const open = [1, 2, 3].map(() => endless(client, Buffer.of(0, 0, 0)));
  expect((await call(client, message(0))).message).toMatch(
    /at once without a credential .*3.*BOWLINE_MAX_STRANGER_CALLS/,
  );
  // Two heartbeats of a second; then the connection, which showed nothing else, is ended too.
  for (const { status } of open) expect(['4', 'none']).toContain(await status);
  client.destroy();
});

test('what all connections without a credential hold is bounded; who holds most is sent away, and others are served', async () => {
  const routes: ServerOptions['routes'] = (router) => router.service(Health, { check: () => ({}) });
  const server = await listen({ ...options, routes, maxStrangerBytes: 600 << 10, maxStrangerCalls: 4 });
  servers.push(server);
  const dial = () => {
    const client = connect(`http://127.0.0.1:${server.port}`);
    client.on('error', () => {});
    return client;
  };
  const greedy = dial();
  for (let n = 0; n < 4; n++) endless(greedy, Buffer.of(0, 0));
  const modest = dial();
  expect(await call(modest, message(0))).toMatchObject({ grpc: '0' });
  if (!greedy.closed) await once(greedy, 'close');
  expect(await call(modest, message(0))).toMatchObject({ grpc: '0' });
  modest.destroy();
});

test('where too many connections show no credential, the oldest of them makes room', async () => {
  const server = await listen({ ...options, maxStrangers: 2 });
  servers.push(server);
  const clients = [1, 2, 3].map(() => connect(`http://127.0.0.1:${server.port}`));
  for (const client of clients) client.on('error', () => {});
  const [gone, ...rest] = await Promise.all([
    Promise.race(clients.map((client, n) => once(client, 'close').then(() => n))),
    ...clients.map((client) => once(client, 'connect')),
  ]);
  expect(rest).toHaveLength(3);
  expect(gone).toBe(0);
  // The others end in their time.
  await Promise.all(clients.map((client) => client.closed || once(client, 'close')));
});

test('a connection that makes calls and shows no credential is sent away after some, whether they are answered or reset', async () => {
  for (const reset of [false, true]) {
    const client = await healthServer();
    let made = 0;
    for (; made < 1_000 && !client.closed && !client.destroyed; made++) {
      if (!reset) await call(client, message(0));
      else {
        const stream = client.request({ ':method': 'POST', ':path': '/grpc.health.v1.Health/Check' });
        stream.on('error', () => {});
        stream.close(constants.NGHTTP2_CANCEL);
        await new Promise<void>((resolve) => stream.once('close', () => resolve()));
      }
    }
    if (!client.closed) await once(client, 'close');
    // 8 times the 3 at once; more may be on their way by then.
    expect(made, `reset: ${reset}`).toBeLessThan(100);
    client.destroy();
  }
});

test('a connection that sends much and shows no credential is sent away, also when nothing of it becomes a call', async () => {
  const warned: unknown[] = [];
  const log = { ...silentLogger, warn: (...told: unknown[]) => void warned.push(told) };
  const client = await healthServer({ log });
  await once(client, 'connect');
  // Each is refused below all handlers, for its size.
  while (!client.closed && !client.destroyed) {
    expect(
      (await call(client, message(0), { 'x-much': 'z'.repeat(15_000), 'x-more': 'z'.repeat(15_000) })).grpc,
    ).toBeUndefined();
  }
  expect(warned.flat()).toContainEqual({ limit: 128 << 10, setting: 'BOWLINE_MAX_STRANGER_BYTES' });
  client.destroy();
});

test('who has shown a credential makes as many calls as it likes', async () => {
  const gate: ServerOptions['gate'] = async ({ requestHeader, values }) => {
    if (requestHeader.has('authorization')) values.get(admitKey)();
  };
  const client = await healthServer({ gate, maxStreams: 500 });
  await once(client, 'remoteSettings');
  expect(client.remoteSettings.maxConcurrentStreams).toBe(100);
  const more = once(client, 'remoteSettings');
  expect(await call(client, message(0), { authorization: 'Bearer x' })).toMatchObject({ grpc: '0' });
  await more;
  expect(client.remoteSettings.maxConcurrentStreams).toBe(500);
  for (let n = 0; n < 60; n++) expect(await call(client, message(0))).toMatchObject({ grpc: '0' });
  client.destroy();
});

test('a connection that has not ended its TLS handshake counts as one that has not begun, with and without a certificate', async () => {
  const { cert, key } = certificate();
  for (const tls of [undefined, { cert, key: new Secret(key) }]) {
    const server = await listen({ ...options, maxStrangers: 4, heartbeatMs: 60_000, tls });
    servers.push(server);
    // The header of a record with a ClientHello, and nothing of it.
    const half = Array.from({ length: 7 }, () => connectTcp(server.port, '127.0.0.1'));
    const ended = half.map((socket) => once(socket.on('error', () => {}).resume(), 'close'));
    for (const socket of half) {
      await once(socket, 'connect');
      socket.write(Buffer.of(0x16, 3, 1, 2, 0, 1));
    }
    await Promise.all(ended.slice(0, 3));
    const baseUrl = `https://127.0.0.1:${server.port}`;
    const transport = createGrpcTransport({ baseUrl, nodeOptions: { rejectUnauthorized: false } });
    await expect(createClient(Health, transport).check({})).rejects.toMatchObject({ code: Code.Unimplemented });
    for (const socket of half) socket.destroy();
  }
});

/** A certificate for localhost that signs itself, and its key. */
function certificate(): { cert: string; key: string } {
  const folder = mkdtempSync(join(tmpdir(), 'bowline-test-tls-'));
  try {
    const [cert, key] = [join(folder, 'cert.pem'), join(folder, 'key.pem')];
    const words = ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-days', '2'];
    const name = ['-subj', '/CN=localhost', '-addext', 'subjectAltName=DNS:localhost,IP:127.0.0.1'];
    execFileSync('openssl', [...words, '-keyout', key, '-out', cert, ...name], { stdio: 'ignore' });
    return { cert: readFileSync(cert, 'utf8'), key: readFileSync(key, 'utf8') };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

test('with a certificate it listens beyond loopback, in TLS 1.3 alone, and who speaks in clear or waits gets nowhere', async () => {
  const { cert, key } = certificate();
  const tls = { cert, key: new Secret(key) };
  const server = await listen({ ...options, host: '0.0.0.0', tls });
  servers.push(server);
  const call = (transport: Parameters<typeof createClient>[1]) => createClient(Health, transport).check({});
  const baseUrl = `https://127.0.0.1:${server.port}`;
  const trusting = createGrpcTransport({ baseUrl, nodeOptions: { ca: cert } });
  await expect(call(trusting)).rejects.toMatchObject({ code: Code.Unimplemented });
  await expect(call(createGrpcTransport({ baseUrl }))).rejects.toThrow(/self.signed/);
  const older = createGrpcTransport({ baseUrl, nodeOptions: { ca: cert, maxVersion: 'TLSv1.2' } });
  await expect(call(older)).rejects.toMatchObject({ code: expect.any(Number) });
  const clear = createGrpcTransport({ baseUrl: `http://127.0.0.1:${server.port}` });
  await expect(call(clear)).rejects.toMatchObject({ code: expect.any(Number) });
  const silent = connectTcp(server.port, '127.0.0.1');
  silent.on('error', () => {});
  await once(silent, 'close');
  await expect(listen({ ...options, tls: { cert, key: new Secret('no key') } })).rejects.toMatchObject({
    reason: 'TLS_UNUSABLE',
  });
});

test('a call is served whatever its authority says, and one without any', async () => {
  const faults = new RequestFaults(silentLogger);
  const client = await healthServer({ faults });
  for (const authority of ['::1:7420', 'x:99999', '[', '%00', '256.256.256.256', 'a'.repeat(300)]) {
    expect(await call(client, message(0), { ':authority': authority }), authority).toMatchObject({
      http: 200,
      grpc: '0',
    });
  }
  expect(faults.count).toBe(0);
  client.destroy();
});
