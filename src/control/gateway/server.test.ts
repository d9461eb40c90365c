import { createServer } from 'node:net';
import { afterEach, expect, test } from 'vitest';
import { systemClock } from '../../base/clock.ts';
import { silentLogger } from '../../base/logger.ts';
import { listen, mustBeListenable, type RunningServer, type ServerOptions } from './server.ts';

const options: ServerOptions = {
  host: '127.0.0.1',
  port: 0,
  heartbeatMs: 1_000,
  maxFrameBytes: 1 << 20,
  maxPeers: 100,
  maxStrangers: 100,
  maxStreams: 100,
  maxHeaderBytes: 16 << 10,
  gate: async () => {},
  routes: () => {},
  interceptors: [],
  clock: systemClock,
  log: silentLogger,
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
  const { connect } = await import('node:http2');
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
