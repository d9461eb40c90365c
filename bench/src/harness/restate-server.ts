// Restate's server as its npm package carries it, on private ports and a temporary folder.
import { mkdtemp, rm } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { freePort } from '../../../test/support/free-port.ts';
import { Program } from '../../../test/support/program.ts';

export interface RestateServer {
  readonly ingress: number;
  readonly pid: number;
  /** Makes the handlers that listen at this port known to it. */
  register(port: number): Promise<void>;
  stop(): Promise<void>;
}

const READY_MS = 60_000;

/** One node with its defaults; it syncs its log to the disk before it answers. */
export async function startRestate(): Promise<RestateServer> {
  const binary = createRequire(import.meta.url).resolve(
    `@restatedev/restate-server-${process.platform}-${process.arch}/bin/restate-server`,
  );
  const folder = await mkdtemp(join(tmpdir(), 'bowline-bench-restate-'));
  const [ingress, admin, node] = [await freePort(), await freePort(), await freePort()];
  const { PATH = '', HOME = '' } = process.env;
  const program = new Program('restate-server', [binary, '--base-dir', folder], {
    cwd: folder,
    env: {
      PATH,
      HOME,
      DO_NOT_TRACK: '1',
      RUST_LOG: 'warn',
      RESTATE_DISABLE_TELEMETRY: 'true',
      RESTATE_NODE_NAME: 'bench',
      RESTATE_LISTEN_MODE: 'tcp',
      RESTATE_BIND_ADDRESS: `127.0.0.1:${node}`,
      RESTATE_ADVERTISED_ADDRESS: `http://127.0.0.1:${node}`,
      RESTATE_INGRESS__BIND_ADDRESS: `127.0.0.1:${ingress}`,
      RESTATE_ADMIN__BIND_ADDRESS: `127.0.0.1:${admin}`,
    },
  });
  const until = performance.now() + READY_MS;
  const post = async (path: string, body: object) => {
    const headers = { 'content-type': 'application/json' };
    const response = await fetch(`http://127.0.0.1:${admin}${path}`, {
      method: 'POST',
      headers,
      body: JSON.stringify(body),
    });
    if (!response.ok) throw new Error(`restate: ${response.status} ${await response.text()}`);
  };
  return {
    ingress,
    pid: program.pid,
    register: async (port) => {
      for (;;) {
        try {
          return await post('/deployments', { uri: `http://127.0.0.1:${port}` });
        } catch (error) {
          if (!program.running || performance.now() > until)
            throw new Error(program.output.slice(-4_000), { cause: error });
          await new Promise((resolve) => setTimeout(resolve, 200));
        }
      }
    },
    stop: async () => {
      await program.kill();
      await rm(folder, { recursive: true, force: true });
    },
  };
}
