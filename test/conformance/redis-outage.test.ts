// What the Redis adapters promise beyond the suites: every call ends, and after an outage work goes on by itself.
import { Redis } from 'ioredis';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { systemClock } from '../../src/base/clock.ts';
import { AppError } from '../../src/base/errors.ts';
import { newId } from '../../src/base/ids.ts';
import { silentLogger } from '../../src/base/logger.ts';
import type { Bus } from '../../src/control/queue/ports.ts';
import { type OpenRedis, type OpenRedisOptions, openRedis } from '../../src/control/queue/redis.ts';
import { startRedis, type TestRedis } from '../support/redis.ts';
import { lapseLocks } from '../support/redis-queue.ts';
import { seeded } from '../support/seeded.ts';
import { TcpProxy } from '../support/tcp-proxy.ts';
import { eventually } from './eventually.ts';

const job = (n: number) => `0199c0de-0000-7000-8000-000000000000/0/${n}-1`;
/** A server of its own is killed, stopped and emptied here, whatever BOWLINE_TEST_REDIS_URL says. */
const own = process.env.BOWLINE_TEST_REDIS_URL ? describe.skip : describe;

own('the Redis adapters', { timeout: 60_000 }, () => {
  let redis: TestRedis;
  const open = (more: Partial<OpenRedisOptions> = {}) =>
    openRedis({
      url: redis.url,
      prefix: redis.prefix,
      publisher: newId(),
      clock: systemClock,
      log: silentLogger,
      commandTimeoutMs: 2_000,
      ...more,
    });
  const using = async (count: number, run: (...all: OpenRedis[]) => Promise<void>) => {
    const all = await Promise.all(Array.from({ length: count }, () => open()));
    try {
      await run(...all);
    } finally {
      await Promise.all(all.map((each) => each.close()));
    }
  };
  const listen = async (bus: Bus, topic: string) => {
    const seen: string[] = [];
    await bus.subscribe(topic, {
      gap: () => seen.push('gap'),
      message: ({ data }) => seen.push(Buffer.from(data).toString()),
    });
    return seen;
  };
  const publish = (bus: Bus, topic: string, text: string) => bus.publish(topic, Buffer.from(text));

  const passes = (call: Promise<void>) =>
    call.then(
      () => true,
      () => false,
    );

  beforeAll(async () => {
    redis = await startRedis();
  }, 300_000);

  afterAll(() => redis?.stop());

  test('while Redis is down calls fail at once, and when it is back everything works, wakes and gaps included', async () => {
    await using(2, async (a, b) => {
      const seen = await listen(b!.bus, 't');
      let wakes = 0;
      b!.queue.onReady('q', () => wakes++);
      await a!.queue.add('q', [job(1)]);
      const [held] = await b!.queue.dequeue('q', 1);
      await eventually('the first wake', () => wakes > 0);
      await redis.kill();
      await expect(a!.queue.add('q', [job(2)])).rejects.toMatchObject({ reason: 'QUEUE_UNAVAILABLE' });
      await expect(a!.queue.dequeue('q', 3)).rejects.toMatchObject({ reason: 'QUEUE_UNAVAILABLE' });
      await expect(held!.done()).rejects.toMatchObject({ reason: 'QUEUE_UNAVAILABLE' });
      await expect(held!.extend()).rejects.toMatchObject({ reason: 'QUEUE_UNAVAILABLE' });
      await expect(publish(a!.bus, 't', 'lost')).rejects.toMatchObject({ reason: 'BUS_UNAVAILABLE' });
      await expect(a!.ping()).rejects.toMatchObject({ reason: 'QUEUE_UNAVAILABLE' });
      const late = await listen(b!.bus, 'made while down');
      await redis.restart();
      for (const each of [a!, b!]) await eventually('its connection is back', () => passes(each.ping()));
      await eventually('the gap of both', () => seen.includes('gap') && late.includes('gap'));
      await publish(a!.bus, 't', 'after');
      await publish(a!.bus, 'made while down', 'too');
      await eventually('messages flow', () => seen.includes('after') && late.includes('too'));
      expect(await held!.extend()).toBe(false);
      await held!.done();
      const before = wakes;
      await a!.queue.add('q', [job(1), job(2)]);
      await eventually('a wake', () => wakes > before);
      const jobs = await b!.queue.dequeue('q', 5);
      expect(jobs.map(({ id }) => id).sort()).toEqual([job(1), job(2)]);
      for (const each of jobs) await each.done();
      expect(await a!.queue.counts('q')).toEqual({ waiting: 0, dequeued: 0 });
    });
  });

  test('a Redis that hangs makes calls end within their limit; ids taken meanwhile come back', async () => {
    await using(1, async (a) => {
      await a!.queue.add('hang', [job(1), job(2)]);
      redis.pause();
      try {
        const began = performance.now();
        const results = await Promise.allSettled([
          a!.queue.dequeue('hang', 2),
          a!.queue.add('hang', [job(3)]),
          publish(a!.bus, 't', 'x'),
          a!.bus.subscribe('new', { gap() {}, message() {} }),
        ]);
        expect(performance.now() - began).toBeLessThan(20_000);
        expect(results.map(({ status }) => status)).toEqual(['rejected', 'rejected', 'rejected', 'fulfilled']);
      } finally {
        redis.resume();
      }
      // Either the answer still came and they were given back, or the connection was given up and their locks lapse.
      const admin = new Redis(redis.url);
      const found = new Set<string>();
      await eventually('all three are to be had', async () => {
        await lapseLocks(admin, redis.prefix);
        for (const each of await a!.queue.dequeue('hang', 5).catch(() => [])) {
          found.add(each.id);
          await each.done();
        }
        return found.has(job(1)) && found.has(job(2));
      });
      admin.disconnect();
    });
  });

  test('a Redis that stays frozen is given up, and when it answers again the readers are told', async () => {
    const patient = await open();
    const hasty = await open({ commandTimeoutMs: 200 });
    const seen = await listen(hasty.bus, 'frozen');
    redis.pause();
    try {
      const problem = () => hasty.ping().then(() => '', (error: AppError) => error.message); // biome-ignore format: short
      await eventually('the connection is given up', async () => (await problem()).includes('no connection'));
    } finally {
      redis.resume();
    }
    await eventually('the gap', () => seen.includes('gap'));
    await eventually('a publish passes', () => passes(publish(patient.bus, 'frozen', 'x')));
    await eventually('it arrives', () => seen.includes('x'));
    await eventually('calls pass', () => passes(hasty.ping()));
    await hasty.queue.add('frozen', [job(1)]);
    await (await hasty.queue.dequeue('frozen', 1))[0]!.done();
    await patient.close();
    await hasty.close();
  });

  const seed = Math.floor(Math.random() * 2 ** 31);
  test(`over a network that breaks, falls silent and cuts frames in two, every id is done (seed ${seed})`, async () => {
    const random = seeded(seed);
    const proxies = [1, 2].map(() => new TcpProxy({ host: '127.0.0.1', port: redis.port }));
    await Promise.all(proxies.map((proxy) => proxy.listen()));
    const replicas = await Promise.all(
      proxies.map(({ port }) =>
        open({ url: `redis://127.0.0.1:${port}`, commandTimeoutMs: 150, lockMs: 300, sweepMs: 100 }),
      ),
    );
    const todo = new Set(Array.from({ length: 200 }, (_, n) => job(n)));
    const faults = [
      (proxy: TcpProxy) => proxy.reset(),
      (proxy: TcpProxy) => proxy.resetAfter(Math.floor(random() * 5_000)),
      (proxy: TcpProxy) => proxy.silence(true),
      (proxy: TcpProxy) => proxy.silence('both'),
      (proxy: TcpProxy) => proxy.silence(false),
      (proxy: TcpProxy) => proxy.silence(false),
    ];
    const work = async ({ queue }: OpenRedis) => {
      try {
        await queue.add('storm', [...todo].slice(0, 40));
        for (const each of await queue.dequeue('storm', 10)) {
          if (random() < 0.1) await each.release();
          else if (await each.extend()) {
            todo.delete(each.id);
            await each.done();
          }
        }
      } catch (error) {
        if (!(error instanceof AppError && error.reason === 'QUEUE_UNAVAILABLE')) throw error;
      }
    };
    for (const { queue } of replicas) queue.onReady('storm', () => undefined);
    let turns = 0;
    await eventually('all are done', async () => {
      const storm = turns++ < 60;
      for (const proxy of proxies) {
        if (!storm) proxy.silence(false);
        else if (random() < 0.3) faults[Math.floor(random() * faults.length)]!(proxy);
      }
      await Promise.all(replicas.map(work));
      return !storm && todo.size === 0;
    }, 50_000); // biome-ignore format: short
    for (const proxy of proxies) proxy.reset();
    await eventually('nothing is left', async () => {
      for (const each of await replicas[0]!.queue.dequeue('storm', 50).catch(() => [])) await each.done().catch(() => {});
      const counts = await replicas[1]!.queue.counts('storm').catch(() => undefined);
      return counts?.waiting === 0 && counts.dequeued === 0;
    }, 30_000); // biome-ignore format: short
    await Promise.all(replicas.map((each) => each.close()));
    await Promise.all(proxies.map((proxy) => proxy.cut()));
  });

  test('after FLUSHALL the old holder has no power over the id that was added again', async () => {
    await using(2, async (a, b) => {
      await a!.queue.add('flush', [job(1)]);
      const [old] = await a!.queue.dequeue('flush', 1);
      await redis.flushAll();
      expect(await old!.extend()).toBe(false);
      await a!.queue.add('flush', [job(1)]);
      const [again] = await b!.queue.dequeue('flush', 1);
      expect(again).toMatchObject({ id: job(1), startedBefore: false });
      await old!.done();
      await old!.release();
      expect(await again!.extend()).toBe(true);
      expect(await b!.queue.counts('flush')).toEqual({ waiting: 0, dequeued: 1 });
      await again!.done();
    });
  });

  test('a connection that the server ends is made again, and its subscribers are told', async () => {
    await using(2, async (a, b) => {
      const seen = await listen(b!.bus, 'kill');
      const admin = new Redis(redis.url);
      await admin.call('CLIENT', 'KILL', 'TYPE', 'pubsub');
      await admin.call('CLIENT', 'KILL', 'TYPE', 'normal', 'SKIPME', 'yes');
      admin.disconnect();
      await eventually('the gap', () => seen.includes('gap'));
      await eventually('a publish passes', () => passes(publish(a!.bus, 'kill', 'x')));
      await eventually('it arrives', () => seen.includes('x'));
    });
  });

  test('what a dead taker held goes to another one by itself, marked as started', async () => {
    const dead = await open({ lockMs: 50 });
    const heir = await open({ sweepMs: 40 });
    let wakes = 0;
    await dead.queue.add('dead', [job(1), job(2)]);
    const [first, second] = await dead.queue.dequeue('dead', 2);
    heir.queue.onReady('dead', () => wakes++);
    await eventually('the look for lapsed locks', async () => (await heir.queue.counts('dead')).waiting === 2);
    const jobs = await heir.queue.dequeue('dead', 5);
    expect(jobs.map(({ id, startedBefore }) => [id, startedBefore]).sort()).toEqual([[job(1), true], [job(2), true]]); // biome-ignore format: short
    expect(wakes).toBeGreaterThan(0);
    expect(await first!.extend()).toBe(false);
    await second!.done();
    expect(await heir.queue.counts('dead')).toEqual({ waiting: 0, dequeued: 2 });
    for (const each of jobs) await each.done();
    await dead.close();
    await heir.close();
  });

  test('what was given back is not marked as started; what once lapsed stays marked', async () => {
    await using(1, async (a) => {
      const admin = new Redis(redis.url);
      await a!.queue.add('mark', [job(1)]);
      await (await a!.queue.dequeue('mark', 1))[0]!.release();
      const [again] = await a!.queue.dequeue('mark', 1);
      expect(again!.startedBefore).toBe(false);
      await lapseLocks(admin, redis.prefix);
      await (await a!.queue.dequeue('mark', 1))[0]!.release();
      expect((await a!.queue.dequeue('mark', 1))[0]!.startedBefore).toBe(true);
      admin.disconnect();
    });
  });

  test('queues of replicas that are gone for a day are removed, with what is in them; others stay', async () => {
    const day = 86_400_000;
    const at = (offset: number) => ({ ...systemClock, now: () => systemClock.now() + offset });
    const gone = await open({ sweepMs: 20 });
    const admin = new Redis(redis.url);
    for (const name of ['replica.gone', 'capability.0']) {
      gone.queue.onReady(name, () => undefined);
      await gone.queue.add(name, [job(1), job(2)]);
      await gone.queue.dequeue(name, 1);
    }
    const seen = async () => await admin.zrange(`{${redis.prefix}}:replica-queues`, '0', '-1');
    await eventually('it is noted', async () => (await seen()).includes('replica.gone'));
    await gone.close();
    const later = await open({ sweepMs: 20, clock: at(day * 1.5) });
    later.queue.onReady('replica.later', () => undefined);
    await eventually('it is removed', async () => (await seen()).join() === 'replica.later');
    expect(await admin.keys('*replica.gone*')).toEqual([]);
    expect(await later.queue.counts('capability.0')).toEqual({ waiting: 1, dequeued: 1 });
    await later.close();
    admin.disconnect();
  });

  test('the scripts of the queue are sent again when the server has lost them', async () => {
    await using(1, async (a) => {
      await a!.queue.add('script', [job(1)]);
      const admin = new Redis(redis.url);
      await admin.script('FLUSH');
      admin.disconnect();
      await a!.queue.add('script', [job(2)]);
      const jobs = await a!.queue.dequeue('script', 2);
      expect(jobs).toHaveLength(2);
      await Promise.all(jobs.map((each) => each.done()));
    });
  });

  test('nothing is left in Redis of jobs that are done', async () => {
    await using(1, async (a) => {
      await redis.flushAll();
      await a!.queue.add(
        'clean',
        Array.from({ length: 300 }, (_, n) => job(n)),
      );
      for (let left = 300; left > 0; ) {
        const jobs = await a!.queue.dequeue('clean', 100);
        await Promise.all(jobs.map((each) => each.done()));
        left -= jobs.length;
      }
      const admin = new Redis(redis.url);
      const keys = await admin.keys(`*:clean:*`);
      expect(keys.filter((key) => !/:(meta|id|events|marker)$/.test(key))).toEqual([]);
      admin.disconnect();
    });
  });
});
