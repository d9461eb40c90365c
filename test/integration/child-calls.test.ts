// Jobs that call other jobs, with real worker loops on two replicas: what is called is a job of the same run, bound to the
// attempt that called it and to what its contract names.
import { create } from '@bufbuild/protobuf';
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest';
import { EmbedResponseSchema, EmbedService } from '../../gen/bowline/capability/embed/v1/embed_pb.ts';
import { LlmService, Role } from '../../gen/bowline/capability/llm/v1/llm_pb.ts';
import { RetrievalService, SearchResponseSchema } from '../../gen/bowline/capability/retrieval/v1/retrieval_pb.ts';
import { RunService } from '../../gen/bowline/control/v1/run_service_pb.ts';
import { WorkerPoolService } from '../../gen/bowline/control/v1/worker_pool_service_pb.ts';
import { JobState, RunState } from '../../gen/bowline/run/v1/run_pb.ts';
import { systemClock } from '../../src/base/clock.ts';
import { newId } from '../../src/base/ids.ts';
import { createLogger, silentLogger } from '../../src/base/logger.ts';
import { Secret } from '../../src/base/secret.ts';
import { MemoryBusHub } from '../../src/control/queue/memory-bus.ts';
import { MemoryQueueHub } from '../../src/control/queue/memory-queue.ts';
import { defineHandler, type Handler, type HandlerContext } from '../../src/worker/kit/handler.ts';
import { WorkLoop } from '../../src/worker/loop/work-loop.ts';
import { grpcConnector } from '../../src/worker/loop/worker-transport.ts';
import { eventually, refusal, TestControl } from '../support/control-plane.ts';
import { startPostgres, type TestPostgres } from '../support/postgres.ts';
import { TcpProxy } from '../support/tcp-proxy.ts';

let postgres: TestPostgres;
let databases = 0;
let a: TestControl;
let b: TestControl;
const loops: WorkLoop[] = [];
const proxies: TcpProxy[] = [];

beforeAll(async () => {
  postgres = await startPostgres();
});
afterAll(() => postgres.stop());
beforeEach(async () => {
  const log = createLogger('hub', { write: () => {} });
  const hubs = { queue: new MemoryQueueHub(systemClock, log), bus: new MemoryBusHub(log) };
  const databaseUrl = new Secret(await postgres.createDatabase(`children_${++databases}`));
  const options = { hubs, config: { databaseUrl, heartbeatMs: 1_000, workerGraceMs: 2_000 } };
  [a, b] = await Promise.all([TestControl.start(options), TestControl.start(options)]);
});
afterEach(async () => {
  await Promise.all(loops.splice(0).map((loop) => loop.drain(0)));
  await Promise.all(proxies.splice(0).map((proxy) => proxy.cut()));
  await Promise.all([a.close(), b.close()]);
  expect([...a.lines, ...b.lines].filter(({ level }) => level >= 50)).toEqual([]);
});

/** A worker with this handler on a replica, at `url` if it goes another way there. */
async function worker(
  control: TestControl,
  name: string,
  handler: Handler,
  { url = control.url, labels = {} }: { url?: string; labels?: Record<string, string> } = {},
): Promise<WorkLoop> {
  const loop = new WorkLoop({
    name,
    labels,
    slots: 4,
    handlers: [handler],
    connect: grpcConnector({
      control: url,
      key: new Secret(control.control.workerKey),
      pins: [control.control.publicKey],
    }),
    clock: systemClock,
    log: silentLogger,
    bootId: newId(),
    limits: { backoffBaseMs: 5, backoffCapMs: 50, stopGraceMs: 500 },
  });
  loops.push(loop);
  await loop.ready;
  const seen = async (by: TestControl) =>
    (await by.client(WorkerPoolService).listWorkers({})).workers.some((each) => each.name === name);
  await eventually(async () => (await seen(a)) && (await seen(b)));
  return loop;
}

const vectors = (texts: readonly string[]) =>
  create(EmbedResponseSchema, {
    vectors: texts.map((text) => ({ values: [text.length, 1] })),
    model: 'test/length',
    dimension: 2,
    usage: { inputTokens: BigInt(texts.length) },
  });

type Search = (context: HandlerContext) => Promise<string>;

/** Search whose one passage says what the given function found. */
const searching = (find: Search): Handler =>
  defineHandler(RetrievalService, {
    Search: async (_request, context) => {
      const text = await find(context);
      return create(SearchResponseSchema, { passages: [{ document: 'a', text }] });
    },
  });

const embedding = (seen: HandlerContext[] = []): Handler =>
  defineHandler(EmbedService, {
    Embed: async ({ texts }, context) => {
      seen.push(context);
      return vectors(texts);
    },
  });

const search = (signal?: AbortSignal) =>
  a.client(RetrievalService).search({ query: 'launch' }, { timeoutMs: 20_000, ...(signal && { signal }) });

const embed = async (context: HandlerContext, texts: string[]): Promise<string> => {
  const [response] = await context.call(EmbedService.method.embed, { texts });
  return (response?.vectors ?? []).map(({ values }) => values[0]).join(' ');
};

/** The newest run, with its jobs. */
async function lastRun() {
  const { runs } = await a.client(RunService).listRuns({ pageSize: 1 });
  return (await a.client(RunService).getRun({ id: runs[0]!.id })).run!;
}

test('a job calls another worker, here or on another replica, and the run lists both with what they used', async () => {
  const seen: HandlerContext[] = [];
  await worker(b, 'embed-1', embedding(seen));
  await worker(
    a,
    'retrieval-1',
    searching((context) => embed(context, ['一二', 'abc'])),
  );
  const { passages } = await search();
  expect(passages[0]?.text).toBe('2 3');
  expect(seen).toMatchObject([{ tenant: 'default', attempt: 1 }]);
  const run = await lastRun();
  expect(run.jobs.map(({ method, state }) => [method.replace(/.*\.v1\./, ''), state])).toEqual([
    ['RetrievalService/Search', JobState.DONE],
    ['EmbedService/Embed', JobState.DONE],
  ]);
  expect(run.state).toBe(RunState.ANSWERED);
});

test('a call goes to the worker that has the labels it asks for', async () => {
  const of = (size: string) =>
    defineHandler(EmbedService, { Embed: async ({ texts }) => ({ ...vectors(texts), model: size }) });
  for (const size of ['small', 'large']) await worker(b, `embed-${size}`, of(size), { labels: { size } });
  const sizes = ['large', 'small', 'small', 'large', 'large', 'small'];
  const models = async (context: HandlerContext) => {
    const seen: string[] = [];
    for (const size of sizes) {
      const [response] = await context.call(EmbedService.method.embed, { texts: ['a'] }, { size });
      seen.push(response!.model);
    }
    return seen.join(' ');
  };
  await worker(a, 'retrieval-1', searching(models));
  expect((await search()).passages[0]?.text).toBe(sizes.join(' '));
});

test('many calls at once are answered each with its own result', async () => {
  await worker(b, 'embed-1', embedding());
  const lengths = Array.from({ length: 20 }, (_, n) => n + 1);
  const all = (context: HandlerContext) => Promise.all(lengths.map((n) => embed(context, ['x'.repeat(n)])));
  await worker(
    a,
    'retrieval-1',
    searching(async (context) => (await all(context)).join(',')),
  );
  expect((await search()).passages[0]?.text).toBe(lengths.join(','));
  expect((await lastRun()).jobs).toHaveLength(1 + lengths.length);
});

test('what its contract does not name is refused, and the reason reaches the handler', async () => {
  const chat = (context: HandlerContext) =>
    context.call(LlmService.method.chat, {
      messages: [{ role: Role.USER, parts: [{ part: { case: 'text', value: 'hi' } }] }],
    });
  await worker(
    a,
    'retrieval-1',
    searching(async (context) => {
      await chat(context);
      return 'it was taken';
    }),
  );
  const answer = await refusal(search());
  expect(answer.reason).toBe('CHILD_REFUSED');
  expect(answer.message).toContain('does not name it');
  expect((await lastRun()).jobs).toHaveLength(1);
});

test('an error of the called job is the error of the call, which its handler may handle', async () => {
  let calls = 0;
  const failing = defineHandler(EmbedService, {
    Embed: async () => {
      calls++;
      throw new Error('a bug');
    },
  });
  await worker(b, 'embed-1', failing);
  const tell = async (context: HandlerContext) =>
    embed(context, ['x']).catch((error: { reason?: string }) => `told: ${error.reason}`);
  await worker(a, 'retrieval-1', searching(tell));
  expect((await search()).passages[0]?.text).toBe('told: INTERNAL');
  expect(calls).toBe(1);
});

test('a connection that is cut while a call is under way loses and doubles nothing', async () => {
  const proxy = new TcpProxy({ host: '127.0.0.1', port: Number(new URL(a.url).port) });
  proxies.push(proxy);
  await proxy.listen();
  let release = () => {};
  const gate = new Promise<void>((resolve) => {
    release = resolve;
  });
  let embeds = 0;
  const slow = defineHandler(EmbedService, {
    Embed: async ({ texts }) => {
      embeds++;
      await gate;
      return vectors(texts);
    },
  });
  await worker(b, 'embed-1', slow);
  let searches = 0;
  const find = (context: HandlerContext) => {
    searches++;
    return embed(context, ['abcd']);
  };
  const loop = await worker(a, 'retrieval-1', searching(find), { url: `http://127.0.0.1:${proxy.port}` });
  const answer = search();
  await eventually(() => embeds > 0);
  proxy.reset();
  await eventually(() => !loop.connected);
  await eventually(() => loop.connected);
  release();
  expect((await answer).passages[0]?.text).toBe('4');
  expect([searches, embeds]).toEqual([1, 1]);
  expect((await lastRun()).jobs).toHaveLength(2);
});

test('a call ends with the attempt that made it: when the caller leaves, the called handler is stopped', async () => {
  let [begun, stopped] = [0, 0];
  const endless = defineHandler(EmbedService, {
    Embed: async (_request, { signal }) => {
      begun++;
      await new Promise((resolve) => signal.addEventListener('abort', resolve));
      stopped++;
      throw signal.reason;
    },
  });
  await worker(b, 'embed-1', endless);
  let started = 0;
  const find = (context: HandlerContext) => {
    started++;
    return embed(context, ['x']);
  };
  await worker(a, 'retrieval-1', searching(find));
  const leave = new AbortController();
  const answer = refusal(search(leave.signal));
  await eventually(() => started > 0);
  await eventually(() => begun === 1);
  leave.abort();
  await answer;
  await eventually(() => stopped === 1);
  await eventually(async () => (await lastRun()).jobs.every(({ state }) => state === JobState.CANCELLED));
});

test('a handler that dies with its worker leaves no call behind: the next attempt makes its own', async () => {
  let embeds = 0;
  const first = defineHandler(EmbedService, {
    Embed: async ({ texts }, { signal }) => {
      if (++embeds > 1) return vectors(texts);
      await new Promise((resolve) => signal.addEventListener('abort', resolve));
      throw signal.reason;
    },
  });
  await worker(b, 'embed-1', first);
  const proxy = new TcpProxy({ host: '127.0.0.1', port: Number(new URL(a.url).port) });
  proxies.push(proxy);
  await proxy.listen();
  const find = (context: HandlerContext) => embed(context, ['abc']);
  await worker(a, 'retrieval-1', searching(find), { url: `http://127.0.0.1:${proxy.port}` });
  const answer = search();
  await eventually(() => embeds === 1);
  await proxy.cut();
  await worker(a, 'retrieval-2', searching(find));
  expect((await answer).passages[0]?.text).toBe('3');
  const { jobs } = await lastRun();
  expect(jobs.map(({ state }) => state)).toEqual([JobState.DONE, JobState.CANCELLED, JobState.DONE]);
  expect(jobs[0]?.attempts).toBe(2);
});

test('progress of a running job reaches those who watch the run', async () => {
  let release = () => {};
  const gate = new Promise<void>((resolve) => {
    release = resolve;
  });
  const find = async ({ progress }: HandlerContext) => {
    progress(3, 10, 'reading');
    await gate;
    return 'done';
  };
  await worker(b, 'retrieval-1', searching(find));
  const answer = search();
  const { id } = await eventually(async () => (await a.client(RunService).listRuns({ pageSize: 1 })).runs[0]);
  for await (const { event } of a.client(RunService).watchRun({ id })) {
    if (event.case !== 'job' || !event.value.progress) continue;
    expect(event.value.progress).toMatchObject({ done: 3n, total: 10n, note: 'reading' });
    release();
    break;
  }
  expect((await answer).passages[0]?.text).toBe('done');
});
