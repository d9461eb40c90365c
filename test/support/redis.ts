// A private Redis for tests: its own port and temporary folder, both gone afterwards; or the one of BOWLINE_TEST_REDIS_URL.
// It ends only the server that it started.
import { type ChildProcess, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Redis } from 'ioredis';
import { freePort } from './free-port.ts';
import { redisServer } from './redis-server.ts';

export interface TestRedisOptions {
  /** Keeps an append-only file, synced at every write, so that a restart finds what was there. Default: nothing is kept. */
  readonly appendonly?: boolean;
  /** Password of the default user; none by default. */
  readonly password?: string;
  /** Default `noeviction`, as production must have it. */
  readonly maxmemoryPolicy?: string;
  /** Starts a Sentinel, which keeps what it learns in a file of its folder. */
  readonly sentinel?: boolean;
  /** More lines for its configuration, as `['--cluster-enabled', 'yes']`. */
  readonly args?: readonly string[];
}

export interface TestRedis {
  readonly url: string;
  readonly port: number;
  /** Of the server started last; undefined when the server is not ours. */
  readonly pid: number | undefined;
  /** A key prefix that no other test uses; pass it to what is under test, so that tests can share one server. */
  readonly prefix: string;
  /** False for BOWLINE_TEST_REDIS_URL: `kill`, `pause`, `resume` and `restart` then throw. */
  readonly own: boolean;
  /** Forgets everything; on a server that is not ours only the keys under `prefix`. */
  flushAll(): Promise<void>;
  /** SIGKILL; resolves when it is gone. */
  kill(): Promise<void>;
  /** SIGSTOP: connections stay open and nothing answers. */
  pause(): void;
  /** SIGCONT. */
  resume(): void;
  /** Kills it if it runs, and starts it again on the same port and folder. */
  restart(): Promise<void>;
  stop(): Promise<void>;
}

/** So far above its port a node of a cluster listens to the others. */
const CLUSTER_BUS = 10_000;

/** Everything that still runs when this process ends is killed. */
const alive = new Set<ChildProcess>();
process.once('exit', () => {
  for (const child of alive) child.kill('SIGKILL');
});

/** Starts a server (some 50 ms; installs it first where that is possible and needed). Call `stop` in `afterAll`. */
export async function startRedis(options: TestRedisOptions = {}): Promise<TestRedis> {
  const prefix = `test-${randomBytes(6).toString('hex')}`;
  const given = process.env.BOWLINE_TEST_REDIS_URL;
  if (given) return foreign(given, prefix);
  const program = await redisServer();
  const folder = await mkdtemp(join(tmpdir(), 'bowline-test-redis-'));
  const port = await freePort(options.args?.includes('--cluster-enabled') ? CLUSTER_BUS : 0);
  let server = await launch(program, folder, port, options);
  const url = `redis://${options.password ? `:${encodeURIComponent(options.password)}@` : ''}127.0.0.1:${server.port}`;
  return {
    url,
    port: server.port,
    get pid() {
      return server.child.pid;
    },
    prefix,
    own: true,
    flushAll: () => withClient(url, async (client) => void (await client.flushall())),
    kill: () => end(server.child),
    pause: () => void server.child.kill('SIGSTOP'),
    resume: () => void server.child.kill('SIGCONT'),
    restart: async () => {
      await end(server.child);
      server = await launch(program, folder, server.port, options);
    },
    stop: async () => {
      await end(server.child);
      await rm(folder, { recursive: true, force: true });
    },
  };
}

function foreign(url: string, prefix: string): TestRedis {
  const refuse = (what: string) => {
    throw new Error(`${what} needs a Redis of the test's own; unset BOWLINE_TEST_REDIS_URL to let it start one`);
  };
  const clear = () =>
    withClient(url, async (client) => {
      for await (const keys of client.scanStream({ match: `*${prefix}*`, count: 1_000 })) {
        if (Array.isArray(keys) && keys.length > 0) await client.unlink(...(keys as string[]));
      }
    });
  return {
    url,
    port: Number(new URL(url).port || 6379),
    pid: undefined,
    prefix,
    own: false,
    flushAll: clear,
    kill: async () => refuse('kill'),
    pause: () => refuse('pause'),
    resume: () => refuse('resume'),
    restart: async () => refuse('restart'),
    stop: clear,
  };
}

async function withClient(url: string, run: (client: Redis) => Promise<void>): Promise<void> {
  const client = new Redis(url, { lazyConnect: true, maxRetriesPerRequest: 1, retryStrategy: () => null });
  client.on('error', () => undefined);
  try {
    await client.connect();
    await run(client);
  } finally {
    client.disconnect();
  }
}

async function launch(program: string, folder: string, port: number, options: TestRedisOptions) {
  for (let attempt = 1; ; attempt++) {
    const file = join(folder, 'sentinel.conf');
    if (options.sentinel) await writeFile(file, '');
    const words = [
      options.sentinel ? [file, '--sentinel'] : [],
      ['--port', `${port}`, '--bind', '127.0.0.1', '--dir', folder, '--daemonize', 'no', '--save', ''],
      ['--appendonly', options.appendonly ? 'yes' : 'no', '--appendfsync', 'always'],
      ['--maxmemory-policy', options.maxmemoryPolicy ?? 'noeviction', '--loglevel', 'warning'],
      options.password ? ['--requirepass', options.password] : [],
      options.args ?? [],
    ].flat();
    const child = spawn(program, words, { stdio: ['ignore', 'pipe', 'pipe'] });
    alive.add(child);
    child.once('exit', () => alive.delete(child));
    let said = '';
    for (const stream of [child.stdout, child.stderr]) {
      stream.setEncoding('utf8').on('data', (text: string) => {
        said = (said + text).slice(-4_000);
      });
    }
    if (await answers(child, port)) return { child, port };
    await end(child);
    // Someone may have taken the port in between, or the one before has not quite let go of it.
    if (attempt >= 3) throw new Error(`the Redis server of the test did not start on port ${port}:\n${said}`);
  }
}

/** Whether the server answers within 20 s; false as soon as it has ended. */
async function answers(child: ChildProcess, port: number): Promise<boolean> {
  let ended = false;
  child.once('exit', () => {
    ended = true;
  });
  child.once('error', () => {
    ended = true;
  });
  const until = performance.now() + 20_000;
  while (!ended && performance.now() < until) {
    if (await ping(port)) return !ended;
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  return false;
}

// Any answer will do: with a password it is an error. LOADING means that it is still reading its file.
function ping(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1');
    const finish = (good: boolean) => {
      socket.destroy();
      resolve(good);
    };
    socket.setTimeout(1_000, () => finish(false));
    socket.once('error', () => finish(false));
    socket.once('connect', () => socket.write('PING\r\n'));
    socket.once('data', (data) => finish(!data.toString().startsWith('-LOADING')));
  });
}

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null || child.pid === undefined) return;
  const gone = once(child, 'exit');
  child.kill('SIGKILL');
  await gone;
}
