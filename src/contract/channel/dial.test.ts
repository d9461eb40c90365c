import { once } from 'node:events';
import { createServer as createHttp2Server, type Http2Server } from 'node:http2';
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';
import { connect as connectTls, createServer as createTlsServer } from 'node:tls';
import { createClient } from '@connectrpc/connect';
import { connectNodeAdapter, createGrpcTransport } from '@connectrpc/connect-node';
import { afterEach, expect, test } from 'vitest';
import { Health } from '../../../gen/grpc/health/v1/health_pb.ts';
import { httpProxy } from '../../../test/support/http-proxy.ts';
import { provenFront } from '../../../test/support/proven-front.ts';
import { TcpProxy } from '../../../test/support/tcp-proxy.ts';
import type { ProxyEnv } from '../../base/proxies.ts';
import { passingCertificate } from '../../control/gateway/passing-certificate.ts';
import { fromConnectError } from '../errors.ts';
import { H2Sessions } from '../h2-sessions.ts';
import { PROVEN_PROTOCOL } from './channel-proof.ts';
import { dialProven } from './dial.ts';
import { dialOpen } from './dial-open.ts';

const ends: (() => unknown)[] = [];
afterEach(async () => {
  for (const end of ends.splice(0).reverse()) await end();
});

const SECRET = 'bwo_CANARY';

async function port(server: Server): Promise<number> {
  if (!server.listening) server.listen(0, '127.0.0.1');
  if (!server.listening) await once(server, 'listening');
  const sockets = new Set<Socket>();
  server.on('connection', (socket: Socket) => sockets.add(socket));
  ends.push(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  return (server.address() as AddressInfo).port;
}

/** A control plane of a test, which remembers the keys that it was shown. */
async function control() {
  const shown: (string | null)[] = [];
  const http2: Http2Server = createHttp2Server(
    connectNodeAdapter({
      routes: (router) =>
        router.service(Health, {
          check: (_request, { requestHeader }) => {
            shown.push(requestHeader.get('authorization'));
            return { status: 1 };
          },
        }),
    }),
  );
  const { server, publicKey } = provenFront(http2);
  return { shown, publicKey, port: await port(server) };
}

/** One call with a secret; the reason when it fails. */
async function call(to: number, pins: readonly Uint8Array[]): Promise<string> {
  const url = `http://127.0.0.1:${to}`;
  const trust = { pins, remedy: 'Do this' };
  const sessionManager = new H2Sessions(url, {
    dial: (signal) => dialProven(url, trust, signal, { patienceMs: 2_000 }),
  });
  const transport = createGrpcTransport({ baseUrl: url, sessionManager });
  const headers = { authorization: `Bearer ${SECRET}` };
  try {
    await createClient(Health, transport).check({}, { headers });
    return 'answered';
  } catch (error) {
    return fromConnectError(error as Parameters<typeof fromConnectError>[0]).reason;
  } finally {
    sessionManager.abort();
  }
}

const OTHER = new Uint8Array(32).fill(9);

test('a control plane that proves its key is called, also through what only passes bytes on, and nothing is readable on the way', async () => {
  const { shown, publicKey, port: there } = await control();
  expect(await call(there, [publicKey])).toBe('answered');
  expect(await call(there, [OTHER, publicKey])).toBe('answered');
  const seen: Buffer[] = [];
  const relay = createServer((near) => {
    const far = connect(there, '127.0.0.1');
    for (const [from, to] of [
      [near, far],
      [far, near],
    ] as const) {
      from.on('error', () => {}).on('close', () => to.destroy());
      from.on('data', (data) => {
        seen.push(data);
        to.write(data);
      });
    }
  });
  expect(await call(await port(relay), [publicKey])).toBe('answered');
  expect(Buffer.concat(seen).length).toBeGreaterThan(100);
  expect(Buffer.concat(seen).includes(SECRET)).toBe(false);
  expect(shown).toEqual([SECRET, SECRET, SECRET].map((key) => `Bearer ${key}`));
});

test('another key, and a home that knows no key, are refused before anything is sent', async () => {
  const { shown, port: there } = await control();
  expect(await call(there, [OTHER])).toBe('CONTROL_UNPROVEN');
  expect(await call(there, [])).toBe('CONTROL_PIN_MISSING');
  expect(shown).toEqual([]);
});

test('whoever else has the port is told nothing: in clear, silent, with another certificate, or with a relayed proof', async () => {
  const { shown, publicKey, port: there } = await control();
  const heard: Buffer[] = [];
  const hear = (socket: Socket) => socket.on('error', () => {}).on('data', (data) => heard.push(data));

  const clear = createHttp2Server();
  clear.on('connection', hear);
  clear.on('sessionError', () => {});
  expect(await call(await port(clear), [publicKey])).not.toBe('answered');

  // Silence is no lie: a control plane that is stopped is silent, too.
  expect(await call(await port(createServer(hear)), [publicKey])).toBe('CONTROL_SILENT');
  const noProof = createTlsServer({ ...passingCertificate(), ALPNProtocols: [PROVEN_PROTOCOL] }, hear);
  expect(await call(await port(noProof), [publicKey])).toBe('CONTROL_UNPROVEN');
  expect(
    await call(await port(createServer((socket) => hear(socket).write('HTTP/1.1 400 Bad Request\r\n\r\n'))), [
      publicKey,
    ]),
  ).toBe('CONTROL_UNPROVEN');
  expect(await call(await port(createServer((socket) => hear(socket).destroy())), [publicKey])).not.toBe('answered');

  // Speaks the protocol with a certificate of its own, and says 64 bytes.
  const impostor = createTlsServer({ ...passingCertificate(), ALPNProtocols: [PROVEN_PROTOCOL] }, (socket) => {
    hear(socket);
    socket.write(Buffer.alloc(64, 1));
  });
  expect(await call(await port(impostor), [publicKey])).toBe('CONTROL_UNPROVEN');

  // Gets a genuine proof for its own connection to the control plane, and shows that one.
  const middle = createTlsServer({ ...passingCertificate(), ALPNProtocols: [PROVEN_PROTOCOL] }, (near) => {
    hear(near);
    const far = connectTls({
      port: there,
      host: '127.0.0.1',
      ca: [],
      rejectUnauthorized: false,
      ALPNProtocols: [PROVEN_PROTOCOL],
    });
    ends.push(() => far.destroy());
    far.on('error', () => {}).once('data', (proof) => near.write(proof));
  });
  expect(await call(await port(middle), [publicKey])).toBe('CONTROL_UNPROVEN');

  // Offers no proof at all.
  const plain = createTlsServer({ ...passingCertificate(), ALPNProtocols: ['h2'] }, hear);
  expect(await call(await port(plain), [publicKey])).toBe('CONTROL_UNPROVEN');
  expect(Buffer.concat(heard).includes(SECRET)).toBe(false);
  expect(shown).toEqual([]);
});

test('after a connection broke, the next one is proven again', async () => {
  const { shown, publicKey, port: there } = await control();
  const proxy = new TcpProxy({ host: '127.0.0.1', port: there });
  await proxy.listen();
  ends.push(() => proxy.cut());
  const url = `http://127.0.0.1:${proxy.port}`;
  const proven: unknown[] = [];
  const dial = async (signal: AbortSignal) => {
    const socket = await dialProven(url, { pins: [publicKey], remedy: '' }, signal, { patienceMs: 2_000 });
    proven.push(socket);
    return socket;
  };
  const sessionManager = new H2Sessions(url, { dial });
  ends.push(() => sessionManager.abort());
  const client = createClient(Health, createGrpcTransport({ baseUrl: url, sessionManager }));
  const once_ = () => client.check({}, { headers: { authorization: 'x' } });
  await Promise.all([once_(), once_(), once_()]);
  expect(proven).toHaveLength(1);
  for (let round = 2; round <= 4; round++) {
    proxy.reset();
    // The first call after a break may still be on its way to the old connection.
    await once_().catch(() => once_());
    expect(proven.length).toBe(round);
  }
  expect(shown.length).toBeGreaterThanOrEqual(6);
});

test('through a proxy the same proof is asked for, and the proxy reads nothing; what it refuses is told as its own', async () => {
  const { shown, publicKey, port: there } = await control();
  const proxy = await httpProxy();
  const shut = await httpProxy(407);
  ends.push(
    () => proxy.close(),
    () => shut.close(),
  );
  const url = `http://control.example:${there}`;
  const dialled = (env: ProxyEnv, pins: readonly Uint8Array[] = [publicKey]) => {
    const trust = { pins, remedy: 'Do this' };
    const sessions = new H2Sessions(url, {
      dial: (signal) => dialProven(url, trust, signal, { patienceMs: 2_000, env }),
    });
    const client = createClient(Health, createGrpcTransport({ baseUrl: url, sessionManager: sessions }));
    return client
      .check({}, { headers: { authorization: `Bearer ${SECRET}` } })
      .then(
        () => 'answered',
        (error) => fromConnectError(error).reason,
      )
      .finally(() => sessions.abort());
  };
  const named = new URL(proxy.url);
  named.username = 'me';
  named.password = 'p:w';
  expect(await dialled({ http_proxy: named.href })).toBe('answered');
  expect(proxy.asked).toEqual([`control.example:${there}`]);
  expect(proxy.users).toEqual([`Basic ${Buffer.from('me:p:w').toString('base64')}`]);
  expect(Buffer.concat(proxy.heard).length).toBeGreaterThan(100);
  expect(Buffer.concat(proxy.heard).includes(SECRET)).toBe(false);
  expect(await dialled({ HTTP_PROXY: proxy.url }, [OTHER])).toBe('CONTROL_UNPROVEN');
  expect(await dialled({ HTTP_PROXY: proxy.url }, [])).toBe('CONTROL_PIN_MISSING');
  expect(await dialled({ HTTP_PROXY: shut.url })).toBe('PROXY_FAILED');
  expect(await dialled({ HTTP_PROXY: 'http://127.0.0.1:1' })).toBe('PROXY_FAILED');
  const silent = await port(createServer(() => {}));
  expect(await dialled({ HTTP_PROXY: `http://127.0.0.1:${silent}` })).toBe('PROXY_FAILED');
  expect(shown).toEqual([`Bearer ${SECRET}`]);
});

test('with https:// the certificate of the control plane is checked inside the tunnel', async () => {
  const server = createTlsServer({ ...passingCertificate(), ALPNProtocols: [PROVEN_PROTOCOL, 'h2'] });
  server.on('tlsClientError', () => {});
  const there = await port(server);
  const proxy = await httpProxy();
  ends.push(() => proxy.close());
  const env = { https_proxy: proxy.url };
  const url = `https://control.example:${there}`;
  const { signal } = new AbortController();
  await expect(dialProven(url, { pins: [OTHER], remedy: '' }, signal, { env })).rejects.toMatchObject({
    code: 'DEPTH_ZERO_SELF_SIGNED_CERT',
  });
  await expect(dialOpen(url, env)(signal)).rejects.toMatchObject({ code: 'DEPTH_ZERO_SELF_SIGNED_CERT' });
  expect(proxy.asked).toEqual([`control.example:${there}`, `control.example:${there}`]);
});
