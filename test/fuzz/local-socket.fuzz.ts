// The owner's socket of an edge: whoever may open it speaks HTTP/2 as they like.
import { mkdtempSync, rmSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createClient } from '@connectrpc/connect';
import { createGrpcTransport, Http2SessionManager } from '@connectrpc/connect-node';
import { LocalService } from '../../gen/bowline/local/v1/local_pb.ts';
import { createLogger } from '../../src/base/logger.ts';
import { RequestFaults } from '../../src/base/stray-errors.ts';
import { LocalServer } from '../../src/edge/local/local-server.ts';
import type { Fuzz } from './fuzz.ts';
import { attack } from './hostile-peers.ts';

const KEY = 'the-key-of-the-owner';

export const localSocketFuzz: Fuzz = {
  name: 'local-socket',
  open: async () => {
    const folder = mkdtempSync(join(tmpdir(), 'bowline-test-socket-'));
    const socket = join(folder, 'edge.sock');
    const lines: string[] = [];
    const log = createLogger('edge', { write: (line) => void lines.push(line) }, 'error');
    const server = await LocalServer.listen({
      socket,
      ownerKey: KEY,
      ownerKeyFile: 'owner.key',
      clients: 64,
      routes: (router) => router.service(LocalService, { getStatus: () => ({ device: 'box' }), async *ask() {} }),
      log,
      faults: new RequestFaults(log),
    });
    const sessions = new Http2SessionManager('http://localhost', undefined, {
      createConnection: () => connect(socket),
    });
    const transport = createGrpcTransport({ baseUrl: 'http://localhost', sessionManager: sessions });
    const owner = createClient(LocalService, transport);
    const paths = Object.values(LocalService.method).map(({ name }) => `/${LocalService.typeName}/${name}`);
    return attack({
      at: { path: socket },
      known: { paths, keys: [KEY, `${KEY}x`, ''] },
      faults: () => lines.splice(0),
      honest: () => owner.getStatus({}, { headers: { authorization: `Bearer ${KEY}` } }),
      close: async () => {
        sessions.abort();
        await server.close(0);
        rmSync(folder, { recursive: true });
      },
    });
  },
};
