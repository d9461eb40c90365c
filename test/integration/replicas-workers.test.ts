// Workers over two replicas on one Postgres, with the queue and bus in memory and on Redis: a job finds its worker wherever it
// is, moves with it, is stopped there, and is neither lost nor run twice when a queue is wiped or a replica is gone.
import { Code } from '@connectrpc/connect';
import pg from 'pg';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { LlmService, Role } from '../../gen/bowline/capability/llm/v1/llm_pb.ts';
import { RunService } from '../../gen/bowline/control/v1/run_service_pb.ts';
import { StatusService } from '../../gen/bowline/control/v1/status_service_pb.ts';
import { WorkerPoolService } from '../../gen/bowline/control/v1/worker_pool_service_pb.ts';
import { RunState } from '../../gen/bowline/run/v1/run_pb.ts';
import { systemClock } from '../../src/base/clock.ts';
import { createLogger } from '../../src/base/logger.ts';
import { Secret } from '../../src/base/secret.ts';
import type { ControlConfig } from '../../src/control/config.ts';
import { MemoryBusHub } from '../../src/control/queue/memory-bus.ts';
import { MemoryQueueHub } from '../../src/control/queue/memory-queue.ts';
import { eventually, TestControl, type TestControlOptions } from '../support/control-plane.ts';
import type { EdgeStream } from '../support/fake-edge.ts';
import { LLM, type WorkerStream } from '../support/fake-worker.ts';
import { startPostgres, type TestPostgres } from '../support/postgres.ts';
import { startRedis, type TestRedis } from '../support/redis.ts';

let postgres: TestPostgres;
let databases = 0;
beforeAll(async () => {
  postgres = await startPostgres();
});
afterAll(() => postgres.stop());

describe.each(['memory', 'redis'] as const)('workers over replicas, queue and bus on %s', (kind) => {
  let redis: TestRedis | undefined;
  let sql: pg.Client;
  let options: TestControlOptions;
  let a: TestControl;
  let b: TestControl;

  beforeAll(async () => {
    if (kind === 'redis') redis = await startRedis();
  });
  afterAll(() => redis?.stop());

  beforeEach(async () => {
    const url = await postgres.createDatabase(`workers_${++databases}`);
    sql = new pg.Client({ connectionString: url });
    await sql.connect();
    const log = createLogger('hub', { write: () => {} });
    const way: TestControlOptions = redis
      ? { config: { redisUrl: new Secret(redis.url), redisPrefix: `t${databases}` } }
      : { hubs: { queue: new MemoryQueueHub(systemClock, log), bus: new MemoryBusHub(log) } };
    options = { ...way, config: { databaseUrl: new Secret(url), heartbeatMs: 1_000, ...way.config } };
  });
  afterEach(async () => {
    await Promise.all([a?.close(), b?.close()]);
    await sql.end();
    expect([...a.lines, ...b.lines].filter(({ level }) => level >= 50)).toEqual([]);
  });

  async function start(config: Partial<ControlConfig> = {}): Promise<void> {
    const own = { ...options, config: { ...options.config, ...config } };
    [a, b] = await Promise.all([TestControl.start(own), TestControl.start(own)]);
  }
  const edgeOn = async (replica: TestControl): Promise<EdgeStream> =>
    replica.closing(await (await replica.device()).connect());
  /** As seen from a replica. */
  const workersSeen = async (replica: TestControl) =>
    (await replica.client(WorkerPoolService).listWorkers({})).workers.map(({ name }) => name).sort();
  const seen = (replica: TestControl, ...names: string[]) =>
    eventually(async () => JSON.stringify(await workersSeen(replica)) === JSON.stringify(names));
  const epochs = async () =>
    (await sql.query('select epoch from job order by created_at')).rows.map((r) => Number(r.epoch));
  const answerAll = (worker: WorkerStream, said: string[]) => {
    let n = 0;
    let over = false;
    const loop = (async () => {
      while (!over) {
        await eventually(() => over || worker.all('job').length > n);
        for (const job of worker.all('job').slice(n)) {
          n++;
          said.push(job.dispatchId);
          worker.reply(job, `answer ${n}`);
          if (worker.options.credits !== undefined) worker.credits(1);
        }
      }
    })();
    return async () => {
      over = true;
      await loop;
    };
  };

  test('a replica answers with the worker of another, shows it, and follows its words', async () => {
    await start();
    const worker = await b.worker({ name: 'far' });
    await seen(a, 'far');
    const status = await a.client(StatusService).getStatus({});
    expect([status.workers, status.model?.provider]).toEqual([1, 'rules']);
    expect(a.control.model()?.provider).toBe('rules');
    const edge = await edgeOn(a);
    const { run } = edge.ask('near and far?');
    const job = await worker.job();
    worker.say(job, 'words ');
    await edge.until(() => edge.text(run).text === 'words ');
    worker.say(job, 'from afar');
    worker.conclude(job);
    expect((await edge.end(run)).answer).toBe('words from afar');
    expect(await epochs()).toEqual([1]);
    await worker.cut();
    await seen(a);
    const second = edge.ask('anybody?');
    await edge.until(() => edge.all('askVerdict').length === 2);
    const waits = await eventually(async () => {
      const { summary } = await a.client(RunService).explainRun({ id: second.run });
      return summary.includes('No worker is connected') && summary;
    });
    expect(waits).toContain('start one with');
  });

  test('a job with needs goes to the one worker that meets them, wherever it is', async () => {
    await start();
    const plain = await a.worker({ name: 'plain' });
    const special = await b.worker({ name: 'special', labels: { tier: '1', region: 'eu' } });
    await seen(a, 'plain', 'special');
    const call = a
      .client(LlmService)
      .chat(
        { messages: [{ role: Role.USER, parts: [{ part: { case: 'text', value: 'hi' } }] }] },
        { headers: { 'bowline-selector': 'region=eu' } },
      );
    const said = (async () => {
      let text = '';
      for await (const { event } of call) if (event.case === 'text') text += event.value.text;
      return text;
    })();
    special.reply(await special.job(), 'here');
    expect(await said).toBe('here');
    expect(plain.all('job')).toEqual([]);
  });

  test('hundreds of waiting jobs stay in the database; the queue holds few, and all are done once, in order', async () => {
    await start();
    const edge = await edgeOn(a);
    const runs: string[] = [];
    const worker = await b.worker({ slots: 2, credits: 0 });
    await seen(a, 'w1');
    for (let n = 0; n < 120; n++) runs.push(edge.ask(`question ${n}`).run);
    await eventually(async () => (await sql.query('select 1 from outbox')).rowCount === 120);
    expect((await a.client(StatusService).getStatus({})).waitingJobs).toBe(120);
    const { rows } = await sql.query('select count(*)::int as n from outbox where holder is not null');
    expect(rows[0].n).toBe(0);
    const more = await a.worker({ name: 'w2', slots: 4 });
    const said: string[] = [];
    const stops = [answerAll(worker, said), answerAll(more, said)];
    worker.credits(2);
    for (const run of runs) expect((await edge.end(run)).state).toBe(RunState.ANSWERED);
    await Promise.all(stops.map((stop) => stop()));
    expect(new Set(said).size).toBe(120);
    expect(said).toHaveLength(120);
    expect(worker.all('job').length).toBeGreaterThan(0);
    expect(new Set(await epochs())).toEqual(new Set([1]));
    expect((await sql.query('select 1 from outbox')).rowCount).toBe(0);
  });

  test('a wiped queue loses nothing and repeats nothing', async () => {
    await start();
    const worker = await b.worker({ slots: 1, credits: 0 });
    await seen(a, 'w1');
    const edge = await edgeOn(a);
    const runs = [1, 2, 3].map((n) => edge.ask(`question ${n}`).run);
    await eventually(async () => (await sql.query('select 1 from outbox')).rowCount === 3);
    if (redis) await redis.flushAll();
    else {
      const queue = options.hubs!.queue.connect();
      for (const taken of await queue.dequeue(`${LLM}.0`, 100)) await taken.done();
    }
    const said: string[] = [];
    const stop = answerAll(worker, said);
    worker.credits(1);
    for (const run of runs) await edge.end(run);
    await stop();
    expect(said).toHaveLength(3);
    expect(await epochs()).toEqual([1, 1, 1]);
  });

  test('a worker that moves to another replica goes on with its job there: one text, one attempt', async () => {
    await start({ workerGraceMs: 2_000 });
    const edge = await edgeOn(a);
    const before = await a.worker({ name: 'mover', bootId: '11111111-1111-4111-8111-111111111111' });
    const { run } = edge.ask('a long story?');
    const job = await before.job();
    before.say(job, 'once upon ');
    await edge.until(() => edge.text(run).text === 'once upon ');
    const held = [before.held(job)];
    await before.cut();
    const after = await b.worker({ name: 'mover', bootId: '11111111-1111-4111-8111-111111111111', held });
    expect((await after.frame('welcome')).drop).toEqual([]);
    after.say(job, 'once upon ');
    after.say(job, 'a time');
    await edge.until(() => edge.text(run).text === 'once upon a time');
    after.conclude(job);
    expect((await edge.end(run)).answer).toBe('once upon a time');
    await after.frame('resultCommitted');
    // Beyond the grace of the replica that it left.
    const next = edge.ask('and then?');
    after.reply(await after.job(), 'the end');
    expect((await edge.end(next.run)).answer).toBe('the end');
    expect(await epochs()).toEqual([1, 1]);
  });

  test('what a dead replica held gets the next epoch, after the grace; its late result is refused', async () => {
    await start();
    const edge = await edgeOn(a);
    const worker = await b.worker({ name: 'first' });
    await seen(a, 'first');
    const { run } = edge.ask('who has it?');
    const job = await worker.job();
    // As if the holder had been another that died long ago.
    await sql.query(`insert into lease (replica, expires_at) values ('dead', now() - interval '1 minute')`);
    await sql.query(`update outbox set holder = 'dead'`);
    const again = await worker.job(1);
    expect([Number(job.epoch), Number(again.epoch)]).toEqual([1, 2]);
    expect((await worker.frame('cancel')).dispatchId).toBe(job.dispatchId);
    worker.reply(job, 'late');
    worker.reply(again, 'in time');
    expect((await edge.end(run)).answer).toBe('in time');
  });

  test('a cancel on one replica stops the worker of another at once', async () => {
    await start({ scanMs: 60_000, leaseMs: 180_000 });
    const worker = await b.worker();
    await seen(a, 'w1');
    const edge = await edgeOn(a);
    const { run } = edge.ask('never mind');
    const job = await worker.job();
    await a.client(RunService).cancelRun({ id: run, requestId: 'c' });
    expect((await worker.frame('cancel')).dispatchId).toBe(job.dispatchId);
    expect((await edge.end(run)).state).toBe(RunState.CANCELLED);
  });

  test('a replica that leaves gives back what no worker has, and its worker goes on elsewhere', async () => {
    await start();
    const edge = await edgeOn(b);
    const bootId = '22222222-2222-4222-8222-222222222222';
    const before = await a.worker({ name: 'mover', slots: 1, bootId });
    await seen(b, 'mover');
    const first = edge.ask('one?');
    const job = await before.job();
    before.say(job, 'half ');
    await edge.until(() => edge.text(first.run).text === 'half ');
    const second = edge.ask('two?');
    await eventually(async () => (await sql.query('select 1 from outbox')).rowCount === 2);
    const stopped = a.stop(1_000);
    await before.frame('drain');
    await before.cut();
    const after = await b.worker({ name: 'mover', slots: 1, bootId, held: [before.held(job)], credits: 0 });
    expect((await after.frame('welcome')).drop).toEqual([]);
    after.say(job, 'half ');
    after.say(job, 'done');
    after.conclude(job);
    expect((await edge.end(first.run)).answer).toBe('half done');
    after.credits(1);
    after.reply(await after.job(), 'two');
    expect((await edge.end(second.run)).answer).toBe('two');
    await stopped;
    expect(await epochs()).toEqual([1, 1]);
  });

  test('a worker whose key is revoked is sent away within a heartbeat, and its job goes to another', async () => {
    await start({ heartbeatMs: 200 });
    const edge = await edgeOn(a);
    const { key } = await a.client(WorkerPoolService).createWorkerKey({ name: 'guest', packages: [LLM] });
    const guest = await b.worker({ name: 'guest' }, key);
    await seen(a, 'guest');
    const { run } = edge.ask('who may answer?');
    await guest.job();
    const host = await a.worker({ name: 'host' });
    await sql.query(`update worker_token set revoked_at = now() where name = 'guest'`);
    expect((await guest.ended)?.code).toBe(Code.Unauthenticated);
    host.reply(await host.job(), 'the host');
    expect((await edge.end(run)).answer).toBe('the host');
    expect(await workersSeen(b)).toEqual(['host']);
  });

  test.runIf(kind === 'redis')(
    'without Redis the work goes on: here at once, across replicas through the database',
    async () => {
      await start();
      const far = await b.worker({ name: 'far' });
      await seen(a, 'far');
      const edge = await edgeOn(a);
      await redis!.kill();
      try {
        const across = edge.ask('across?');
        far.reply(await far.job(), 'far');
        expect((await edge.end(across.run)).answer).toBe('far');
        const near = await a.worker({ name: 'near' });
        const here = edge.ask('here?');
        near.reply(await near.job(), 'near');
        expect((await edge.end(here.run)).answer).toBe('near');
        expect(await epochs()).toEqual([1, 1]);
      } finally {
        await redis!.restart();
      }
    },
  );
});
