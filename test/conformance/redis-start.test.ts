// What is told at the start of the Redis adapters: unusable, insecure, far too forgetful, not there yet; and the other ways to run
// Redis: with users, TLS, Sentinel, a cluster.
import { execFile } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { Redis } from 'ioredis';
import { afterAll, describe, expect, test, vi } from 'vitest';
import { systemClock } from '../../src/base/clock.ts';
import { newId } from '../../src/base/ids.ts';
import { type Logger, silentLogger } from '../../src/base/logger.ts';
import { type OpenRedis, type OpenRedisOptions, openRedis, openRedisPatiently } from '../../src/control/queue/redis.ts';
import { freePort } from '../support/free-port.ts';
import { startRedis, type TestRedis, type TestRedisOptions } from '../support/redis.ts';
import { eventually } from './eventually.ts';

const own = process.env.BOWLINE_TEST_REDIS_URL ? describe.skip : describe;

own('opening Redis', { timeout: 60_000 }, () => {
  const started: TestRedis[] = [];
  const folders: string[] = [];
  const start = async (options?: TestRedisOptions) => {
    const redis = await startRedis(options);
    started.push(redis);
    return redis;
  };
  afterAll(async () => {
    await Promise.all(started.map((redis) => redis.stop()));
    await Promise.all(folders.map((folder) => rm(folder, { recursive: true, force: true })));
  });
  const open = (options: Partial<OpenRedisOptions> & { url: string }) =>
    openRedis({ publisher: newId(), clock: systemClock, log: silentLogger, ...options });

  /** A job and a message go through it. */
  const works = async (redis: OpenRedis) => {
    const seen: string[] = [];
    await redis.bus.subscribe('t', { gap() {}, message: ({ data }) => seen.push(Buffer.from(data).toString()) });
    let wakes = 0;
    redis.queue.onReady('q', () => wakes++);
    await redis.queue.add('q', ['r/0/0-1', 'r/0/1-1']);
    const jobs = await redis.queue.dequeue('q', 2);
    await Promise.all(jobs.map((job) => job.done()));
    await redis.bus.publish('t', Buffer.from('hello'));
    await eventually('the message and the wake', () => seen.includes('hello') && wakes > 0);
    expect(jobs).toHaveLength(2);
    await redis.ping();
  };

  test('a wrong password is told at once, without the password', async () => {
    const redis = await start({ password: 'right' });
    const url = redis.url.replace('right', 'hunter2');
    const error = await open({ url }).catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ reason: 'REDIS_UNUSABLE', metadata: { where: `127.0.0.1:${redis.port}` } });
    expect(`${(error as Error).message} ${JSON.stringify(error)}`).not.toContain('hunter2');
    await expect(open({ url: url.replace(':hunter2@', '') })).rejects.toMatchObject({ reason: 'REDIS_UNUSABLE' });
    const opened = await open({ url: redis.url });
    await works(opened);
    await opened.close();
    await opened.close();
    await expect(opened.queue.dequeue('q', 1)).rejects.toMatchObject({ reason: 'CLOSED' });
    await expect(opened.ping()).rejects.toMatchObject({ reason: 'CLOSED' });
  });

  test('a user with rights to our keys and channels alone is enough; missing rights are told at the start', async () => {
    const redis = await start();
    const admin = new Redis(redis.url);
    const common = [
      'resetkeys',
      '~{bowline}:*',
      'resetchannels',
      '&{bowline}:*',
      '+@all',
      '-@admin',
      '-@dangerous',
      '+info',
    ];
    await admin.call('ACL', 'SETUSER', 'bowline', 'on', '>pw', ...common);
    await admin.call('ACL', 'SETUSER', 'deaf', 'on', '>pw', ...common, '-subscribe');
    await admin.call('ACL', 'SETUSER', 'blind', 'on', '>pw', ...common, 'resetkeys', '~else:*');
    admin.disconnect();
    const as = (user: string) => open({ url: redis.url.replace('//', `//${user}:pw@`) });
    const opened = await as('bowline');
    await works(opened);
    await opened.close();
    await expect(as('deaf')).rejects.toMatchObject({ reason: 'REDIS_UNUSABLE' });
    await expect(as('blind')).rejects.toMatchObject({ reason: 'REDIS_UNUSABLE' });
  });

  test('a Redis that may drop keys is warned of, one that does not tell is mentioned', async () => {
    vi.spyOn(console, 'warn').mockImplementation(() => undefined);
    const said: string[] = [];
    const note = (message: string) => void said.push(message);
    const log: Logger = { ...silentLogger, warn: note, info: note };
    const redis = await start({ maxmemoryPolicy: 'allkeys-lru' });
    await (await open({ url: redis.url, log })).close();
    expect(said.join('\n')).toMatch(/maxmemory-policy allkeys-lru.*noeviction/);
    said.length = 0;
    const admin = new Redis(redis.url);
    await admin.call('ACL', 'SETUSER', 'bowline', 'on', '>pw', '~*', '&*', '+@all', '-config', '-info');
    await (await open({ url: redis.url.replace('//', '//bowline:pw@'), log })).close();
    expect(said.join('\n')).toMatch(/does not tell its maxmemory-policy/);
    said.length = 0;
    await admin.config('SET', 'maxmemory-policy', 'noeviction');
    await (await open({ url: redis.url, log })).close();
    expect(said).toEqual([]);
    admin.disconnect();
    vi.restoreAllMocks();
  });

  const begin = (options: Partial<OpenRedisOptions> & { url: string }) =>
    openRedisPatiently({ publisher: newId(), clock: systemClock, log: silentLogger, ...options });

  test('a start goes on without a Redis that has another password, is full, read-only or away, says so, and heals', async () => {
    const redis = await start({ password: 'right' });
    const admin = new Redis(redis.url);
    const [host, port] = ['127.0.0.1', String(redis.port)];
    const ways: [string, RegExp, () => Promise<unknown>, () => Promise<unknown>][] = [
      [
        'another password',
        /WRONGPASS|invalid.*password/i,
        () => admin.config('SET', 'requirepass', 'other'),
        () => admin.config('SET', 'requirepass', 'right'),
      ],
      ['full', /OOM|memory/i, () => admin.config('SET', 'maxmemory', '1'), () => admin.config('SET', 'maxmemory', '0')],
      [
        'read-only',
        /READONLY|read.only|broke|no connection/i,
        () => admin.call('REPLICAOF', host, String(Number(port) === 1 ? 2 : 1)),
        () => admin.call('REPLICAOF', 'NO', 'ONE'),
      ],
    ];
    for (const [name, words, spoil, mend] of ways) {
      await spoil();
      const told: string[] = [];
      const opened = await begin({ url: redis.url, onWaiting: (problem) => told.push(problem) });
      expect(told.join('\n'), name).toMatch(words);
      await expect(opened.ping(), name).rejects.toMatchObject({ reason: 'QUEUE_UNAVAILABLE' });
      await mend();
      await eventually(
        `${name}: it heals`,
        () =>
          opened.ping().then(
            () => true,
            () => false,
          ),
        30_000,
      );
      await works(opened);
      await opened.close();
    }
    admin.disconnect();
    await redis.kill();
    const told: string[] = [];
    const opened = await begin({ url: redis.url, onWaiting: (problem) => told.push(problem) });
    expect(told.join()).toMatch(/ECONNREFUSED/);
    await redis.restart();
    await eventually(
      'it heals',
      () =>
        opened.ping().then(
          () => true,
          () => false,
        ),
      30_000,
    );
    await opened.close();
  });

  test('it waits for a Redis that is not there yet, tells so once, and the signal ends the waiting', async () => {
    const redis = await start();
    await redis.kill();
    const told: string[] = [];
    const onWaiting = (problem: string) => void told.push(problem);
    const stop = new AbortController();
    const waiting = open({ url: redis.url, onWaiting, signal: stop.signal });
    await eventually('the problem is told', () => told.length > 0);
    stop.abort();
    await expect(waiting).rejects.toMatchObject({ reason: 'CANCELED' });
    expect(told.join()).toMatch(/ECONNREFUSED/);
    const patient = open({ url: redis.url, onWaiting });
    await eventually('it is told again', () => told.length > 1);
    await redis.restart();
    const opened = await patient;
    await works(opened);
    await opened.close();
    expect(told.length).toBe(2);
  });

  test('TLS with a certificate authority of its own works, and without knowing that authority is refused', async (context) => {
    const folder = await mkdtemp(join(tmpdir(), 'bowline-test-tls-'));
    folders.push(folder);
    const [key, cert] = [join(folder, 'key.pem'), join(folder, 'cert.pem')];
    const words = `req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=localhost -addext subjectAltName=DNS:localhost,IP:127.0.0.1 -keyout ${key} -out ${cert}`;
    const made = await promisify(execFile)('openssl', words.split(' ')).catch(() => undefined);
    if (!made) return context.skip('openssl is not there to make a certificate');
    const port = await freePort();
    const tls = `--tls-port ${port} --tls-cert-file ${cert} --tls-key-file ${key} --tls-ca-cert-file ${cert} --tls-auth-clients no`;
    const redis = await start({ args: tls.split(' ') }).catch(() => undefined);
    if (!redis) return context.skip('this redis-server knows no TLS');
    const opened = await open({ url: `rediss://localhost:${port}`, caFile: cert });
    await works(opened);
    await opened.close();
    await expect(open({ url: `rediss://localhost:${port}` })).rejects.toMatchObject({ reason: 'REDIS_UNUSABLE' });
  });

  test('behind Sentinels, with a password and without, the master is found', async () => {
    const master = await start({ password: 'pw' });
    for (const options of [{ sentinel: true }, { sentinel: true, password: 'pw' }]) {
      const sentinel = await start(options);
      const admin = new Redis(sentinel.url);
      await admin.call('SENTINEL', 'MONITOR', 'mymaster', '127.0.0.1', `${master.port}`, '1');
      await admin.call('SENTINEL', 'SET', 'mymaster', 'auth-pass', 'pw');
      admin.disconnect();
      const sentinels = [{ host: '127.0.0.1', port: sentinel.port }];
      const opened = await open({ url: 'redis://:pw@mymaster', sentinels, master: 'mymaster' });
      await works(opened);
      await opened.close();
    }
  });

  test('a cluster works, over a node that does not hold the keys too', async () => {
    const nodes = [
      await start({ args: ['--cluster-enabled', 'yes'] }),
      await start({ args: ['--cluster-enabled', 'yes'] }),
    ];
    const admins = nodes.map(({ url }) => new Redis(url));
    const [first, second] = admins as [Redis, Redis];
    await first.call('CLUSTER', 'ADDSLOTSRANGE', '0', '8191');
    await second.call('CLUSTER', 'ADDSLOTSRANGE', '8192', '16383');
    await first.call('CLUSTER', 'MEET', '127.0.0.1', `${nodes[1]!.port}`);
    const joined = async (admin: Redis) => /cluster_state:ok[\s\S]*cluster_known_nodes:2/.test(`${await admin.call('CLUSTER', 'INFO')}`); // biome-ignore format: short
    await eventually('the cluster is whole', async () => (await joined(first)) && (await joined(second)), 30_000);
    for (const cluster of [nodes, [...nodes].reverse()]) {
      const opened = await open({
        url: 'redis://127.0.0.1',
        // The first one named is not there.
        cluster: [await freePort(), ...cluster.map(({ port }) => port)].map((port) => ({ host: '127.0.0.1', port })),
        prefix: `p${cluster[0]!.port}`,
      });
      await works(opened);
      await opened.close();
    }
    for (const admin of admins) admin.disconnect();
  });
});
