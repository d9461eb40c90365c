// A PgBouncer before a test's Postgres: the one that is installed, or one installed now (Debian, as root).
import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { aptInstall } from './apt.ts';
import { eventually } from './control-plane.ts';
import { freePort } from './free-port.ts';

const run = promisify(execFile);

async function installed(): Promise<string | undefined> {
  const where = await run('sh', ['-c', 'command -v pgbouncer || ls /usr/sbin/pgbouncer']).catch(() => undefined);
  return where?.stdout.trim() || undefined;
}

const pgbouncer = () => aptInstall(['pgbouncer'], installed, 'install pgbouncer');

/** Why there is none here; undefined where there is one. A test that is skipped for it has it in its name. */
export const whyNoPooler = (): Promise<string | undefined> =>
  pgbouncer().then(
    () => undefined,
    (error: unknown) => (error instanceof Error ? error.message : String(error)),
  );

export interface Pooler {
  /** The URL of a database behind it. */
  url(database: string): string;
  stop(): Promise<void>;
}

/** @param mode its `pool_mode` */
export async function startPooler(
  mode: 'session' | 'transaction' | 'statement',
  postgresPort: number,
): Promise<Pooler> {
  const program = await pgbouncer();
  const folder = await mkdtemp(join(tmpdir(), 'bowline-test-pooler-'));
  await chmod(folder, 0o755);
  const port = await freePort();
  const file = join(folder, 'pgbouncer.ini');
  await writeFile(
    file,
    `[databases]
* = host=127.0.0.1 port=${postgresPort} user=postgres password=test
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = ${port}
unix_socket_dir =
auth_type = any
pool_mode = ${mode}
default_pool_size = 20
`,
  );
  // It refuses to be root.
  const words = process.getuid?.() === 0 ? ['-u', 'nobody', file] : [file];
  const child: ChildProcess = spawn(program, words, { stdio: 'ignore' });
  await eventually(
    () =>
      new Promise<boolean>((resolve) => {
        const socket = connect(port, '127.0.0.1', () => resolve(true)).on('error', () => resolve(false));
        socket.once('connect', () => socket.destroy());
      }),
  );
  return {
    url: (database) => `postgres://postgres:test@127.0.0.1:${port}/${database}`,
    stop: async () => {
      const ended = once(child, 'exit');
      child.kill('SIGINT');
      await ended;
      await rm(folder, { recursive: true, force: true });
    },
  };
}
