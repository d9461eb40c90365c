// Sessions of edges over two replicas on one Postgres: found from both, taken over, and never heard when they are stale.
import { setTimeout as nextTurn } from 'node:timers/promises';
import pg from 'pg';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { FsService, ReadResponseSchema, WriteResponseSchema } from '../../gen/bowline/capability/fs/v1/fs_pb.ts';
import { FinishReason } from '../../gen/bowline/capability/llm/v1/llm_pb.ts';
import { DeviceService } from '../../gen/bowline/control/v1/device_service_pb.ts';
import { RegistryService } from '../../gen/bowline/control/v1/registry_service_pb.ts';
import { RunService } from '../../gen/bowline/control/v1/run_service_pb.ts';
import { StatusService } from '../../gen/bowline/control/v1/status_service_pb.ts';
import { SupersedeReason, type ToolCall } from '../../gen/bowline/edge/v1/edge_pb.ts';
import { JobState, RunState } from '../../gen/bowline/run/v1/run_pb.ts';
import { systemClock } from '../../src/base/clock.ts';
import { newId } from '../../src/base/ids.ts';
import { createLogger } from '../../src/base/logger.ts';
import { Secret } from '../../src/base/secret.ts';
import { MemoryBusHub } from '../../src/control/queue/memory-bus.ts';
import { MemoryQueueHub } from '../../src/control/queue/memory-queue.ts';
import { eventually, refusal, TestControl } from '../support/control-plane.ts';
import type { EdgeStream, FakeEdge } from '../support/fake-edge.ts';
import { startPostgres, type TestPostgres } from '../support/postgres.ts';
import { startRedis, type TestRedis } from '../support/redis.ts';

let postgres: TestPostgres;
let redis: TestRedis;
let sql: pg.Client;
let a: TestControl;
let b: TestControl;
let edge: FakeEdge;
let databases = 0;

beforeAll(async () => {
  [postgres, redis] = await Promise.all([startPostgres(), startRedis()]);
});
afterAll(() => Promise.all([postgres.stop(), redis.stop()]));

/** A session of the device on one of the replicas. */
async function on(replica: TestControl): Promise<EdgeStream> {
  edge.url = replica.url;
  return replica.closing(await edge.connect());
}
const connected = async (replica: TestControl) =>
  (await replica.client(DeviceService).getDevice({ id: edge.device })).device?.connected;

describe.each(['memory', 'redis'] as const)('over %s', (kind) => {
  beforeEach(async () => {
    const url = await postgres.createDatabase(`edges_${++databases}`);
    sql = new pg.Client({ connectionString: url });
    await sql.connect();
    const log = createLogger('hub', { write: () => {} });
    const between =
      kind === 'redis'
        ? {
            config: {
              databaseUrl: new Secret(url),
              heartbeatMs: 1_000,
              summaryTurns: 2,
              redisUrl: new Secret(redis.url),
              redisPrefix: newId(),
            },
          }
        : {
            hubs: { queue: new MemoryQueueHub(systemClock, log), bus: new MemoryBusHub(log) },
            config: { databaseUrl: new Secret(url), heartbeatMs: 1_000, summaryTurns: 2 },
          };
    a = await TestControl.start(between);
    b = await TestControl.start(between);
    edge = await a.device('box');
  });
  afterEach(async () => {
    await Promise.all([a?.close(), b?.close()]);
    await sql.end();
    expect([...a.lines, ...b.lines].filter(({ level }) => level >= 50)).toEqual([]);
  });

  test('the summary of a conversation reaches its device over another replica, after the answer', async () => {
    const worker = await a.worker();
    const session = await on(b);
    const first = session.ask('one?');
    worker.reply(await worker.job(0), 'first answer');
    await session.end(first.run);
    const second = session.ask('two?', { conversation: first.conversation });
    worker.reply(await worker.job(1), 'second answer');
    const summing = await worker.job(2);
    expect((await session.end(second.run)).answer).toBe('second answer');
    expect(session.all('conversationSummary')).toEqual([]);
    worker.reply(summing, 'They asked two things.');
    const told = await session.frame('conversationSummary');
    expect(told).toMatchObject({ conversation: first.conversation, run: second.run, text: 'They asked two things.' });
  });

  test('a call that waits for the owner goes on with the replica that has the session now, also after its replica died', async () => {
    const worker = await b.worker();
    let session = await on(a);
    const { run } = session.ask('Write it.');
    const turn = await worker.job(0);
    const argumentsJson = JSON.stringify({ path: 'a.md', text: 'x' });
    worker.say(turn, { case: 'toolCall', value: { id: 'c0', name: 'fs_write', argumentsJson } });
    worker.conclude(turn, FinishReason.TOOL_CALLS);
    const tell = (call: ToolCall, over = false) =>
      session.send({
        case: 'toolHeld',
        value: { ...addressOf(call), over, ...(over ? {} : { left: { seconds: 3600n, nanos: 0 } }) },
      });
    const addressOf = ({ job, epoch, idempotencyKey }: ToolCall) => ({ job, epoch, idempotencyKey });
    const stateOn = async (replica: TestControl) =>
      (await replica.client(RunService).getRun({ id: run })).run?.jobs[1]?.state;
    tell(await session.call());
    await eventually(async () => (await stateOn(b)) === JobState.APPROVAL);
    // Taken over: the old session has nothing more to say.
    const before = session;
    session = await on(b);
    await before.ended;
    tell(await session.call());
    expect(await stateOn(a)).toBe(JobState.APPROVAL);
    session = await on(a);
    tell(await session.call());
    await a.stop(0);
    await session.ended;
    session = await on(b);
    session.send({ case: 'followRun', value: { run } });
    const call = await session.call();
    expect(call.idempotencyKey).toBe(`${run}/0/1`);
    tell(call);
    tell(call, true);
    session.done(call, WriteResponseSchema, {});
    worker.reply(await worker.job(1), 'Written.');
    expect((await session.end(run)).jobs[1]).toMatchObject({ state: JobState.DONE, attempts: 1 });
    expect(session.all('toolCall')).toHaveLength(1);
  });

  test('a device is seen from every replica, as long as its session or its replica lives', async () => {
    expect(await connected(a)).toBe(false);
    const session = await on(b);
    expect([await connected(a), await connected(b)]).toEqual([true, true]);
    expect((await a.client(StatusService).getStatus({})).devices).toBe(1);
    const { capabilities } = await a.client(RegistryService).listCapabilities({});
    expect(capabilities.find((each) => each.package === 'bowline.capability.fs.v1')?.devices).toEqual(['box']);
    // A replica that died cleared nothing; its lease says that nobody is there.
    const lapsed = `update lease set expires_at = now() - interval '1 hour' where replica = $1`;
    // It lives, and writes its lease again at any moment.
    await eventually(async () => {
      await sql.query(lapsed, [b.control.replica]);
      return (await connected(a)) === false;
    });
    await eventually(() => connected(a));
    await session.cut();
    await eventually(async () => (await connected(a)) === false);
    expect(await refusal(a.client(FsService).read({ path: 'docs/a.md' }))).toMatchObject({ reason: 'DEVICE_OFFLINE' });
  });

  test('an edge is told of every change of the model that would answer, also of workers on another replica', async () => {
    const session = await on(b);
    expect((await session.frame('welcome')).model).toMatchObject({ provider: '' });
    const worker = await a.worker({ provider: { name: 'openai', local: false } });
    expect(await session.frame('model')).toMatchObject({ provider: 'openai', local: false });
    // Whoever comes later knows it from Welcome, and is not told twice.
    const other = b.closing(await (await b.device('other')).connect());
    expect((await other.frame('welcome')).model).toMatchObject({ provider: 'openai' });
    await worker.cut();
    const next = await a.worker({ provider: { name: 'house', local: true } });
    const last = (stream: EdgeStream) => stream.all('model').at(-1)?.provider;
    await eventually(() => last(session) === 'house' && last(other) === 'house');
    await next.cut();
    await eventually(() => last(session) === '' && last(other) === '');
  });

  test('a call on one replica reaches the device on the other, and so do its answer, its streamed parts and its cancel', async () => {
    const session = await on(b);
    const answer = a.client(FsService).read({ path: 'docs/a.md' });
    const call = await session.call();
    expect(call.device).toBe(edge.device);
    session.done(call, ReadResponseSchema, { text: 'across' });
    expect((await answer).text).toBe('across');
    const leaving = new AbortController();
    const left = refusal(a.client(FsService).read({ path: 'docs/b.md' }, { signal: leaving.signal }));
    const second = await session.call(1);
    leaving.abort();
    await left;
    expect((await session.frame('cancelTool')).job).toBe(second.job);
  });

  test('a key that a full device left free begins anew as one call, whoever asks and on whatever replica', async () => {
    let session = await on(b);
    const write = (at: TestControl) =>
      at.client(FsService).write({ path: 'docs/a.md', text: 'a' }, { headers: { 'bowline-idempotency-key': 'k' } });
    const full = { case: 'neverStarted', value: { reason: 'JOURNAL_FULL', code: 8, retryable: true } } as const;
    let refused = 0;
    for (let round = 0; round < 3; round++) {
      let waiting = 3;
      const asked = [a, b, a].map((at) => refusal(write(at)).finally(() => waiting--));
      // Who comes when the others have their answer already begins anew.
      for (const before = refused; waiting > 0 || refused === before; await nextTurn()) {
        if (session.all('toolCall').length === refused) continue;
        const call = await session.call(refused++);
        expect(call.idempotencyKey).toBe('k');
        session.answer(call, full, { keyFree: true });
      }
      for (const told of asked) expect((await told).reason).toBe('JOURNAL_FULL');
    }
    expect(refused).toBeLessThanOrEqual(9);
    const asked = [a, b].map((at) => write(at));
    const last = await session.call(refused);
    // The replica that has it goes away; the next one hands the same attempt on, and no other.
    session = await on(a);
    const handed = await session.call();
    expect([handed.job, handed.epoch]).toEqual([last.job, last.epoch]);
    session.done(handed, WriteResponseSchema, { created: true });
    for (const done of asked) expect((await done).created).toBe(true);
    expect((await write(b)).created).toBe(true);
    expect(session.all('toolCall')).toHaveLength(1);
    expect((await a.client(RunService).listRuns({})).runs).toHaveLength(refused + 1);
  });

  test('a new session on another replica ends the old one at once, and gets what the old one had', async () => {
    const old = await on(a);
    const answer = a.client(FsService).read({ path: 'docs/a.md' });
    const before = await old.call();
    const fresh = await on(b);
    const { sessionEpoch, reason } = await old.frame('superseded');
    expect([Number(sessionEpoch), reason]).toEqual([2, SupersedeReason.SUPERSEDED]);
    const again = await fresh.call();
    expect([again.job, again.idempotencyKey]).toEqual([before.job, before.idempotencyKey]);
    fresh.done(again, ReadResponseSchema, { text: 'taken over' });
    expect((await answer).text).toBe('taken over');
    expect(await connected(a)).toBe(true);
  });

  test('a session that no signal reaches is ended within a heartbeat when it stands no more', async () => {
    const old = await on(a);
    await sql.query('update device set session_epoch = session_epoch + 1');
    expect((await old.frame('superseded')).reason).toBe(SupersedeReason.SUPERSEDED);
    const suspended = await on(b);
    await sql.query(`update device set state = 'suspended'`);
    await suspended.ended;
    await sql.query(`update device set state = 'active'`);
    const quarantined = await on(b);
    await sql.query(`update device set state = 'quarantined'`);
    expect((await quarantined.frame('superseded')).reason).toBe(SupersedeReason.QUARANTINED);
  });

  test('what a stale session says is not committed: neither its asks, nor its cancels, nor its results', async () => {
    const session = await on(a);
    const worker = await a.worker();
    const mine = session.ask('before');
    const job = await worker.job();
    const answer = b.client(FsService).read({ path: 'docs/a.md' });
    const call = await session.call();
    // Another replica raised the epoch; nobody has told this one yet.
    await sql.query('update device set session_epoch = session_epoch + 1');
    session.ask('stale');
    session.send({ case: 'cancelRun', value: { run: mine.run, sequence: 99n } });
    session.done(call, ReadResponseSchema, { text: 'stale' });
    expect((await session.frame('superseded')).reason).toBe(SupersedeReason.SUPERSEDED);
    const { runs } = await b.client(RunService).listRuns({});
    expect(runs.map(({ text, state }) => [text, state])).not.toContainEqual(['stale', expect.anything()]);
    expect(runs.find(({ id }) => id === mine.run)?.state).toBe(RunState.RUNNING);
    expect(session.all('toolResultCommitted')).toEqual([]);
    const next = await on(b);
    next.done(await next.call(), ReadResponseSchema, { text: 'fresh' });
    expect((await answer).text).toBe('fresh');
    worker.reply(job, 'done');
    expect((await b.client(RunService).getRun({ id: mine.run })).run?.text).toBe('before');
  });
});
