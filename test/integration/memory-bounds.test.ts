// The memory of the control plane while peers read nothing, flood, lie about what is theirs, or say nothing at all: the real
// program as a process with a small heap, beside which an honest edge is served all the time.
import { gzipSync } from 'node:zlib';
import { create, toBinary } from '@bufbuild/protobuf';
import { ConnectError, createClient } from '@connectrpc/connect';
import { createGrpcTransport, Http2SessionManager } from '@connectrpc/connect-node';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { WriteRequestSchema } from '../../gen/bowline/capability/fs/v1/fs_pb.ts';
import { ChatRequestSchema, Role } from '../../gen/bowline/capability/llm/v1/llm_pb.ts';
import { DeviceService } from '../../gen/bowline/control/v1/device_service_pb.ts';
import { WatchRunRequestSchema } from '../../gen/bowline/control/v1/run_service_pb.ts';
import { StatusService } from '../../gen/bowline/control/v1/status_service_pb.ts';
import { WorkerPoolService } from '../../gen/bowline/control/v1/worker_pool_service_pb.ts';
import { ConnectRequestSchema, HelloSchema } from '../../gen/bowline/edge/v1/edge_pb.ts';
import type { JobAssignment } from '../../gen/bowline/worker/v1/worker_pb.ts';
import { newId } from '../../src/base/ids.ts';
import { refusalOf } from '../support/control-plane.ts';
import { FakeEdge } from '../support/fake-edge.ts';
import { LLM, WorkerStream } from '../support/fake-worker.ts';
import { startPostgres, type TestPostgres } from '../support/postgres.ts';
import type { Program } from '../support/program.ts';
import { grpcMessage, RawH2, silentConnection } from '../support/raw-h2.ts';
import { peakDuring, residentMb } from '../support/resident-memory.ts';
import { Stack } from '../support/stack.ts';

vi.setConfig({ testTimeout: 120_000, hookTimeout: 120_000 });

/** Old space of the control plane, in megabytes. Its code and state take about 60 of it. */
const HEAP_MB = 192;
/** What a flood may add to the resident memory: the rest of the heap, its young space, and the buffers beside it. */
const GROWTH_MB = 280;

let stack: Stack;
let postgres: TestPostgres;
let control: Program;
let base = 0;
let workerKey = '';
/** Answers every ask that begins with `honest`, and keeps the other jobs for the test. */
let worker: WorkerStream;
const kept: JobAssignment[] = [];
const owners: Http2SessionManager[] = [];

function client<S extends Parameters<typeof createClient>[0]>(service: S) {
  const sessionManager = new Http2SessionManager(stack.url);
  owners.push(sessionManager);
  const headers = { authorization: `Bearer ${stack.ownerKey}` };
  return createClient(
    service,
    createGrpcTransport({
      baseUrl: stack.url,
      sessionManager,
      interceptors: [
        (next) => (request) => {
          request.header.set('authorization', headers.authorization);
          return next(request);
        },
      ],
    }),
  );
}

let names = 0;
async function device(): Promise<FakeEdge> {
  const name = `box-${++names}`;
  const { token } = await client(DeviceService).createJoinToken({ name });
  return FakeEdge.join(stack.url, token, name);
}

beforeAll(async () => {
  [stack, postgres] = await Promise.all([Stack.create(), startPostgres()]);
  Object.assign(stack.env, {
    DATABASE_URL: await postgres.createDatabase('bounds'),
    NODE_OPTIONS: `--max-old-space-size=${HEAP_MB}`,
    BOWLINE_HEARTBEAT_MS: '2000',
    BOWLINE_MAX_STRANGERS: '50',
    BOWLINE_MAX_STREAMS: '200',
    BOWLINE_MAX_QUEUED_BYTES: String(8 << 20),
    BOWLINE_MAX_INBOUND_BYTES: String(8 << 20),
    BOWLINE_MAX_LIVE_BYTES: String(16 << 20),
    BOWLINE_MAX_FRAME_BYTES: String(4 << 20),
  });
  control = await stack.control();
  workerKey = (await client(WorkerPoolService).createWorkerKey({ name: 'w', packages: [LLM] })).key;
  worker = await WorkerStream.connect(stack.url, workerKey, { slots: 64 });
  void serveHonestly();
  await honest();
  base = residentMb(control.pid);
});

afterAll(async () => {
  for (const owner of owners) owner.abort();
  await worker?.cut();
  await stack?.close();
  await postgres?.stop();
});

/** Answers honest asks as they come. */
async function serveHonestly(): Promise<void> {
  for (let n = 0; !worker.isOver; ) {
    const job = worker.all('job')[n];
    if (!job) {
      await new Promise((resolve) => setTimeout(resolve, 5));
      continue;
    }
    n++;
    const question = JSON.stringify(WorkerStream.chat(job).messages, (_key, value) =>
      typeof value === 'bigint' ? String(value) : value,
    );
    if (question.includes('honest')) worker.reply(job, 'an honest answer');
    else kept.push(job);
  }
}

/**
 * As real edges come: again when their connection is ended before they have shown a credential. Where strangers crowd, or this
 * process is slow, they may be the oldest that makes room.
 */
function persistently<T>(come: () => Promise<T>): Promise<T> {
  return until(async () => {
    try {
      return await come();
    } catch (error) {
      const { reason, code } = refusalOf(ConnectError.from(error));
      // What the control plane refuses has a reason; a connection that is gone has none.
      if (reason !== '' || code === 'Unauthenticated') throw error;
      return undefined;
    }
  });
}

/** An edge that behaves, with an ask of its own; it is answered whatever others do. */
async function honest(): Promise<void> {
  const box = await persistently(device);
  const edge = await persistently(() => box.connect());
  const { run } = edge.ask('an honest question');
  expect((await edge.end(run)).answer).toBe('an honest answer');
  await edge.cut();
}

/** Runs a flood with an honest edge beside it; the control plane survives within its memory. By how many megabytes it grew. */
async function bounded(flood: () => Promise<void>): Promise<number> {
  const before = residentMb(control.pid);
  const { peak } = await peakDuring(control.pid, async () => {
    await Promise.all([flood(), honest()]);
    await honest();
  });
  expect(control.running, control.output).toBe(true);
  expect(peak - base, `${Math.round(base)} MB before, ${Math.round(peak)} MB at most`).toBeLessThan(GROWTH_MB);
  return peak - before;
}

/** Waits until it holds. */
async function until<T>(find: () => T | undefined | false | Promise<T | undefined | false>): Promise<T> {
  return vi.waitUntil(find, { timeout: 30_000, interval: 20 }) as Promise<T>;
}

test('(b) an edge that floods with events of one conversation, results and progress that are not its own, and follows', async () => {
  await bounded(async () => {
    const edge = await (await device()).connect();
    const conversation = newId();
    for (let n = 0; n < 300; n++) edge.ask(`event ${n} ${'x'.repeat(20_000)}`, { conversation });
    for (let n = 0; n < 5_000; n++) edge.send({ case: 'followRun', value: { run: newId() } as never });
    const response = new Uint8Array(64 << 10);
    for (let n = 0; n < 200; n++) {
      const of = { job: `${newId()}/1/0`, epoch: 1n };
      edge.send({ case: 'toolProgress', value: { ...of, index: 0n, response } as never });
      edge.send({
        case: 'toolResult',
        value: { ...of, idempotencyKey: 'k', answer: { case: 'done', value: { responses: [response] } } } as never,
      });
    }
    await Promise.race([edge.ended, until(() => edge.all('askVerdict').length === 300)]);
    const error = edge.isOver ? refusalOf((await edge.ended)!) : undefined;
    if (error) expect(error).toMatchObject({ code: 'ResourceExhausted', reason: 'LIMIT_EXCEEDED' });
    await edge.cut();
  });
  await bounded(async () => {
    const edge = await (await device()).connect();
    edge.pause();
    // Neither answers to pings nor to frames that nobody knows are ever read.
    for (let n = 0; n < 60_000; n++) edge.send({ case: 'ping', value: { nonce: BigInt(n) } as never });
    await until(() => edge.isOver || stack.logs().includes('an edge left'));
    await edge.cut();
  });
});

test('(c) a worker that floods with outputs beyond its limit, notes that are too long and results of nobody', async () => {
  await bounded(async () => {
    const flooder = await WorkerStream.connect(stack.url, workerKey, { slots: 1, credits: 0, name: 'flooder' });
    const response = new Uint8Array(32 << 10);
    for (let n = 0; n < 2_000; n++) {
      const of = { dispatchId: `${newId()}/0/0-1`, epoch: 1n };
      flooder.send({ case: 'output', value: { ...of, index: 0n, response } as never });
      if (n % 4 === 0) flooder.send({ case: 'progress', value: { ...of, done: 1n, note: 'x'.repeat(900) } as never });
    }
    for (let n = 0; n < 1_000; n++) {
      const of = { dispatchId: `${newId()}/0/0-1`, epoch: 1n };
      flooder.send({
        case: 'result',
        value: { ...of, result: { case: 'done', value: { responses: [response] } } } as never,
      });
    }
    await Promise.race([flooder.ended, until(() => flooder.all('resultCommitted').length === 1_000)]);
    await flooder.cut();
  });
  // What a peer can say at will does not fill the log.
  expect(stack.logs().split('a frame of a worker was not taken').length).toBeLessThan(100);
});

test('(d) an edge that never reads while calls pile up for it', async () => {
  await bounded(async () => {
    const slow = await device();
    const edge = await slow.connect();
    edge.pause();
    const raw = new RawH2(stack.url, stack.ownerKey);
    const text = 'y'.repeat(200_000);
    for (let n = 0; n < 150; n++) {
      const body = toBinary(WriteRequestSchema, create(WriteRequestSchema, { path: `docs/${n}`, text } as never));
      raw.open('/bowline.capability.fs.v1.FsService/Write', grpcMessage(body), {
        'bowline-device': slow.device,
        'grpc-timeout': '20S',
      });
    }
    const keepAlive = setInterval(() => edge.isOver || edge.send({ case: 'ping', value: { nonce: 0n } as never }), 200);
    await until(async () => (await client(StatusService).getStatus({})).openRuns >= 100 || edge.isOver);
    clearInterval(keepAlive);
    raw.close();
    await edge.cut();
  });
});

test('(e) connections and streams that never say hello, and bodies without a credential', async () => {
  await bounded(async () => {
    const silent = Array.from({ length: 200 }, () => silentConnection(stack.port));
    // Beyond fifty strangers the oldest makes room at once; the last fifty end in their time.
    await Promise.all(silent.map(({ ended }) => ended));
    expect(stack.logs()).toContain('BOWLINE_MAX_STRANGERS');

    const { secret } = await persistently(device);
    const raw = new RawH2(stack.url, secret);
    const path = '/bowline.edge.v1.EdgeService/Connect';
    const waiting = Array.from({ length: 8 }, () => raw.open(path));
    const hello = create(ConnectRequestSchema, { frame: { case: 'hello', value: create(HelloSchema) } });
    const refused = await until(async () => {
      const end = await raw.call(path, grpcMessage(toBinary(ConnectRequestSchema, hello)));
      return end.status === '8' && end;
    });
    expect(refused.message).toContain('BOWLINE_MAX_DEVICE_SESSIONS');
    for (const stream of waiting) stream.destroy();
    raw.close();

    const strangers = Array.from({ length: 10 }, () => new RawH2(stack.url, 'bwo_0123456789abcdef0123456789abcdef'));
    const body = grpcMessage(new Uint8Array(1 << 20));
    await Promise.all(
      strangers.flatMap((stranger) =>
        Array.from({ length: 20 }, async () => {
          const end = await stranger.call('/bowline.control.v1.RunService/GetRun', body);
          if (end.status !== '') expect(end.status).toBe('16');
        }),
      ),
    );
    for (const stranger of strangers) stranger.close();
  });
});

test('(g) calls without a credential that unfold to megabytes, or never end', async () => {
  const path = '/bowline.edge.v1.EnrollmentService/Join';
  const unfolded = 8 << 20;
  const small = gzipSync(Buffer.alloc(unfolded - 64));
  const packed = Buffer.concat([Buffer.of(1, 0, 0, 0, 0), small]);
  packed.writeUInt32BE(small.length, 1);
  const whole = grpcMessage(new Uint8Array(unfolded));
  const calls = 200;
  let ended = 0;
  let answered = 0;
  const grown = await bounded(async () => {
    for (const { body, headers, ends } of [
      { body: packed, headers: { 'grpc-encoding': 'gzip' }, ends: true },
      { body: whole.subarray(0, -100), headers: {}, ends: false },
    ]) {
      const raws = Array.from({ length: 4 }, () => new RawH2(stack.url));
      const all = Array.from({ length: calls }, async (_, n) => {
        const stream = raws[n % raws.length]!.open(path, undefined, headers);
        stream.on('trailers', (fields) => fields['grpc-status'] === '0' && answered++);
        stream.resume().write(body);
        if (ends) stream.end();
        await new Promise<void>((resolve) => stream.once('close', () => resolve()));
        ended++;
      });
      await Promise.all(all);
      for (const raw of raws) raw.close();
    }
  });
  expect({ ended, answered }).toEqual({ ended: 2 * calls, answered: 0 });
  // Of what they would be, a tenth at most is ever there.
  expect(grown / ((calls * unfolded) / 2 ** 20)).toBeLessThan(0.1);
});

test('(f) headers that are too large are refused', async () => {
  await bounded(async () => {
    const raws = Array.from({ length: 10 }, () => new RawH2(stack.url, stack.ownerKey));
    const body = grpcMessage(new Uint8Array());
    for (const raw of raws) {
      const gone = new Promise<undefined>((resolve) => raw.session.once('close', () => resolve(undefined)));
      for (let n = 0; n < 20 && !raw.closed; n++) {
        const call = raw.call('/bowline.control.v1.StatusService/GetStatus', body, { 'x-much': 'z'.repeat(40_000) });
        const end = await Promise.race([call, gone]);
        if (end) expect(end.status).not.toBe('0');
      }
      raw.close();
    }
  });
});

test('(a) many watchers and callers that never read, while a worker writes as much as it may', async () => {
  await bounded(async () => {
    const edge = await (await device()).connect();
    edge.pause();
    const watched = await Promise.all(
      [1, 2, 3].map(async (n) => {
        const { run } = edge.ask(`long text ${n}`);
        const job = await until(() => kept.find((each) => each.dispatchId.startsWith(run)));
        return { run, job };
      }),
    );
    const raw = new RawH2(stack.url, stack.ownerKey);
    for (const { run } of watched) {
      const body = grpcMessage(toBinary(WatchRunRequestSchema, create(WatchRunRequestSchema, { id: run })));
      for (let n = 0; n < 50; n++) raw.open('/bowline.control.v1.RunService/WatchRun', body);
    }
    // Calls of the mesh whose streamed messages nobody takes.
    const chat = create(ChatRequestSchema, {
      messages: [{ role: Role.USER, parts: [{ part: { case: 'text', value: 'never read' } }] }],
    });
    const calls = 20;
    for (let n = 0; n < calls; n++)
      raw.open('/bowline.capability.llm.v1.LlmService/Chat', grpcMessage(toBinary(ChatRequestSchema, chat)));
    const streamed = await until(() => {
      const found = kept.filter(
        (each) => !watched.some(({ job }) => job === each) && WorkerStream.chat(each).messages.length === 1,
      );
      return found.length >= calls && found.slice(-calls);
    });
    const piece = '字'.repeat(16_000);
    for (const { job } of watched) {
      for (let n = 0; n < 90; n++) worker.say(job, piece);
    }
    for (let n = 0; n < 60; n++) {
      for (const job of streamed) worker.say(job, piece);
      // What the worker has sent is taken before it sends more.
      await client(StatusService).getStatus({});
    }
    for (const { job } of watched)
      expect(await until(() => worker.all('cancel').find((c) => c.dispatchId === job.dispatchId)));
    raw.close();
    await edge.cut();
    kept.length = 0;
  });
});
