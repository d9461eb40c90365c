// Capability services called on the control plane's port, and who may see and call what there.
import { create, fromBinary, toBinary } from '@bufbuild/protobuf';
import { type CallOptions, createClient } from '@connectrpc/connect';
import { createConnectTransport, createGrpcTransport, createGrpcWebTransport } from '@connectrpc/connect-node';
import { credentials, Client as GrpcJsClient, Metadata } from '@grpc/grpc-js';
import { afterAll, beforeAll, expect, test } from 'vitest';
import {
  FsService,
  ReadRequestSchema,
  type ReadResponse,
  ReadResponseSchema,
  WriteResponseSchema,
} from '../../gen/bowline/capability/fs/v1/fs_pb.ts';
import { LlmService, Role } from '../../gen/bowline/capability/llm/v1/llm_pb.ts';
import { RunResponseSchema, ShellService } from '../../gen/bowline/capability/shell/v1/shell_pb.ts';
import { AuditService } from '../../gen/bowline/control/v1/audit_service_pb.ts';
import { ConversationService } from '../../gen/bowline/control/v1/conversation_service_pb.ts';
import { DeviceService } from '../../gen/bowline/control/v1/device_service_pb.ts';
import { DeadKind, JobService, RetryEffect } from '../../gen/bowline/control/v1/job_service_pb.ts';
import { RegistryService } from '../../gen/bowline/control/v1/registry_service_pb.ts';
import { RunService } from '../../gen/bowline/control/v1/run_service_pb.ts';
import { StatusService } from '../../gen/bowline/control/v1/status_service_pb.ts';
import { WorkerPoolService } from '../../gen/bowline/control/v1/worker_pool_service_pb.ts';
import { EdgeService } from '../../gen/bowline/edge/v1/edge_pb.ts';
import { EnrollmentService } from '../../gen/bowline/edge/v1/enrollment_pb.ts';
import { JobState, RunState, SizeClass, WithheldReason } from '../../gen/bowline/run/v1/run_pb.ts';
import { WorkerService } from '../../gen/bowline/worker/v1/worker_pb.ts';
import { Health, HealthCheckResponse_ServingStatus as Serving } from '../../gen/grpc/health/v1/health_pb.ts';
import { ServerReflection } from '../../gen/grpc/reflection/v1/reflection_pb.ts';
import { ServerReflection as ServerReflectionAlpha } from '../../gen/grpc/reflection/v1alpha/reflection_pb.ts';
import { newId } from '../../src/base/ids.ts';
import { eventually, refusal, TestControl } from '../support/control-plane.ts';
import { type EdgeStream, FakeEdge } from '../support/fake-edge.ts';
import { LLM } from '../support/fake-worker.ts';

let control: TestControl;
let edge: EdgeStream;
beforeAll(async () => {
  control = await TestControl.start({ tenants: ['other'] });
  edge = control.closing(await (await control.device('kitchen')).connect());
});
afterAll(async () => {
  await control.close();
  expect(control.lines.filter(({ level }) => level >= 50)).toEqual([]);
});

let calls = 0;
/** The next call that the device gets. */
const nextCall = () => edge.call(calls++);
const fs = (key?: string) => control.client(FsService, key ?? control.ownerKeys.get('default'));
const on = (device: string, more: Record<string, string> = {}) => ({ headers: { 'bowline-device': device, ...more } });
const user = (text: string) => ({
  messages: [{ role: Role.USER, parts: [{ part: { case: 'text' as const, value: text } }] }],
});

test('a unary call reaches the device as a run of one job, and says in its trailers what stayed there', async () => {
  let trailers = new Headers();
  let headers = new Headers();
  const read = fs().read(
    { path: 'docs/a.md' },
    { ...on('kitchen'), onTrailer: (t) => (trailers = t), onHeader: (h) => (headers = h) },
  );
  const call = await nextCall();
  expect(call).toMatchObject({ method: 'bowline.capability.fs.v1.FsService/Read', recipient: '' });
  expect(call.principal).toMatch(/^owner:/);
  expect(call.idempotencyKey).toBe(call.run);
  const withheld = [
    { field: 'text', size: SizeClass.UNDER_1K, why: WithheldReason.NO_GRANT, name: 'docs/月.md', hint: '' },
  ];
  edge.done(call, ReadResponseSchema, { file: { path: 'docs/a.md' } }, { withheld });
  expect((await read).file?.path).toBe('docs/a.md');
  expect(trailers.get('bowline-withheld')).toBe(`text; why=NO_GRANT; name=${encodeURIComponent('docs/月.md')}`);
  expect(headers.get('bowline-run')).toBe(call.run);
  const { run } = await control.client(RunService).getRun({ id: call.run });
  expect(run).toMatchObject({ state: RunState.ANSWERED, device: edge.edge.device });
  expect(run?.jobs.map(({ state, target }) => [state, target])).toEqual([[JobState.DONE, 'device kitchen']]);
});

test.each([
  ['gRPC', createGrpcTransport],
  ['gRPC-Web', createGrpcWebTransport],
  ['Connect', createConnectTransport],
])('%s clients are served on the same port', async (_name, transport) => {
  const interceptor = (next: (r: never) => unknown) => (request: { header: Headers }) => {
    request.header.set('authorization', `Bearer ${control.control.ownerKey}`);
    return next(request as never);
  };
  const client = createClient(
    FsService,
    transport({ baseUrl: control.url, httpVersion: '2', interceptors: [interceptor as never] }),
  );
  const read = client.read({ path: 'docs/a.md' });
  edge.done(await nextCall(), ReadResponseSchema, { text: 'hello' });
  expect((await read).text).toBe('hello');
});

test('a client of another gRPC stack gets answers, status, details and trailers', async () => {
  const client = new GrpcJsClient(new URL(control.url).host, credentials.createInsecure());
  const metadata = new Metadata();
  metadata.set('authorization', `Bearer ${control.control.ownerKey}`);
  const read = (path: string) =>
    new Promise<ReadResponse>((resolve, reject) =>
      client.makeUnaryRequest(
        '/bowline.capability.fs.v1.FsService/Read',
        (value: string) => Buffer.from(toBinary(ReadRequestSchema, create(ReadRequestSchema, { path: value }))),
        (bytes) => fromBinary(ReadResponseSchema, bytes),
        path,
        metadata,
        (error, value) => (error ? reject(error) : resolve(value!)),
      ),
    );
  const good = read('docs/a.md');
  edge.done(await nextCall(), ReadResponseSchema, { text: 'hello' });
  expect((await good).text).toBe('hello');
  const bad = read('/etc/shadow');
  const failure = { reason: 'PATH_NOT_ALLOWED', code: 7, retryable: false };
  bad.catch(() => {});
  edge.answer(await nextCall(), { case: 'done', value: { failure } });
  const error = await bad.then(
    () => undefined,
    (e: { code: number; metadata: Metadata }) => e,
  );
  expect(error?.code).toBe(7);
  expect(String(error?.metadata.get('grpc-status-details-bin')[0])).toContain('PATH_NOT_ALLOWED');
  client.close();
});

test('a refusal of the device arrives with its ErrorInfo, the same for paths that exist and that do not', async () => {
  const seen: unknown[] = [];
  for (const path of ['/etc/shadow', '/etc/there-is-no-such-file']) {
    const refused = refusal(fs().read({ path }, on('kitchen')));
    const failure = { reason: 'PATH_NOT_ALLOWED', code: 7, retryable: false };
    edge.answer(await nextCall(), { case: 'done', value: { failure } });
    seen.push(await refused);
  }
  expect(seen[0]).toMatchObject({ code: 'PermissionDenied', reason: 'PATH_NOT_ALLOWED' });
  expect(seen[0]).toEqual(seen[1]);
});

test('what cannot be routed or is malformed is refused before anything is recorded', async () => {
  const before = (await control.client(RunService).listRuns({})).runs.length;
  const small = await control.device('small');
  await control.device('offline');
  const manifest = small.hello().manifest!;
  manifest.capabilities = manifest.capabilities.filter((each) => each.package.includes('.fs.'));
  const stream = control.closing(await small.connect({ manifest }));
  const shell = control.client(ShellService);
  const llm = control.client(LlmService);
  const cases: [() => Promise<unknown> | AsyncIterable<unknown>, string, string][] = [
    [() => fs().read({ path: 'a' }, on('nobody')), 'NotFound', 'NOT_FOUND'],
    [() => fs().read({ path: 'a' }, on('offline')), 'Unavailable', 'DEVICE_OFFLINE'],
    [() => shell.run({ argv: ['ls'] }, on('small')), 'Unimplemented', 'DEVICE_LACKS_METHOD'],
    [() => fs().read({ path: 'a' }), 'InvalidArgument', 'INVALID_ARGUMENT'],
    [() => fs().read({ path: '' }, on('kitchen')), 'InvalidArgument', 'INVALID_ARGUMENT'],
    [() => shell.run({ argv: [] }, on('kitchen')), 'InvalidArgument', 'INVALID_ARGUMENT'],
    [
      () => fs().read({ path: 'a' }, on('kitchen', { 'bowline-selector': 'tier' })),
      'InvalidArgument',
      'INVALID_ARGUMENT',
    ],
    [
      () => fs().read({ path: 'a' }, on('kitchen', { 'bowline-selector': 'a=1,a=2' })),
      'InvalidArgument',
      'INVALID_ARGUMENT',
    ],
    [
      () => fs().read({ path: 'a' }, on('kitchen', { 'bowline-idempotency-key': 'k'.repeat(129) })),
      'InvalidArgument',
      'INVALID_ARGUMENT',
    ],
    [() => llm.chat(user('hi')), 'Unavailable', 'NO_WORKER'],
  ];
  for (const [call, code, reason] of cases) expect(await refusal(call())).toMatchObject({ code, reason });
  expect((await control.client(RunService).listRuns({})).runs.length).toBe(before);
  await stream.cut();
});

test('a streaming call to a worker is routed by its selector and streams as it is said', async () => {
  const worker = await control.worker({ labels: { region: 'eu' } });
  const llm = control.client(LlmService);
  const wrong = refusal(llm.chat(user('hi'), { headers: { 'bowline-selector': 'region=us' } }));
  expect(await wrong).toMatchObject({ code: 'Unavailable', reason: 'NO_WORKER' });
  const said: string[] = [];
  const chat = (async () => {
    for await (const { event } of llm.chat(user('hi'), { headers: { 'bowline-selector': 'region=eu' } })) {
      said.push(event.case === 'text' ? event.value.text : `<${event.case}>`);
    }
  })();
  const job = await worker.job();
  worker.say(job, 'one');
  await eventually(() => said.length === 1);
  worker.say(job, 'two');
  worker.conclude(job);
  await chat;
  expect(said).toEqual(['one', 'two', '<finish>']);
  await worker.cut();
});

test('a stream is never continued with another attempt: it ends with an error that says so', async () => {
  const lost = await control.worker({ name: 'lost' });
  const said: string[] = [];
  const chat = (async () => {
    for await (const { event } of control.client(LlmService).chat(user('hi'))) {
      if (event.case === 'text') said.push(event.value.text);
    }
  })();
  const refused = refusal(chat);
  lost.say(await lost.job(), 'the first');
  await eventually(() => said.length === 1);
  const next = await control.worker({ name: 'next' });
  await lost.cut();
  next.reply(await next.job(), 'the second');
  expect(await refused).toMatchObject({ code: 'Unavailable', reason: 'ATTEMPTS_LOST' });
  expect(said).toEqual(['the first']);
  await next.cut();
});

test('output of a command streams from the device, and its error comes after it', async () => {
  const said: string[] = [];
  const run = (async () => {
    for await (const { event } of control.client(ShellService).run({ argv: ['ls'] }, on('kitchen'))) {
      said.push(event.case === 'output' ? Buffer.from(event.value.data).toString() : `<${event.case}>`);
    }
  })();
  const refused = refusal(run);
  const call = await nextCall();
  const { job, epoch } = call;
  const output = (text: string) =>
    toBinary(
      RunResponseSchema,
      create(RunResponseSchema, { event: { case: 'output', value: { data: Buffer.from(text) } } }),
    );
  edge.send({ case: 'toolProgress', value: { job, epoch, index: 0n, response: output('a') } });
  await eventually(() => said.length === 1);
  const failure = { reason: 'COMMAND_TIMED_OUT', code: 4, retryable: false };
  edge.answer(call, { case: 'done', value: { responses: [output('a'), output('b')], failure } });
  expect(await refused).toMatchObject({ code: 'DeadlineExceeded', reason: 'COMMAND_TIMED_OUT' });
  expect(said).toEqual(['a', 'b']);
});

test('a repeated idempotency key gives the first result and calls nobody; with other parameters it is refused', async () => {
  const key = on('kitchen', { 'bowline-idempotency-key': 'k-1' });
  const first = fs().write({ path: 'docs/a.md', text: 'a' }, key);
  const call = await nextCall();
  expect(call.idempotencyKey).toBe('k-1');
  // A second one while the first is at work waits for it.
  const meanwhile = fs().write({ path: 'docs/a.md', text: 'a' }, key);
  edge.done(call, WriteResponseSchema, { file: { path: 'docs/a.md' } });
  expect((await first).file?.path).toBe('docs/a.md');
  expect((await meanwhile).file?.path).toBe('docs/a.md');
  expect((await fs().write({ path: 'docs/a.md', text: 'a' }, key)).file?.path).toBe('docs/a.md');
  expect(await refusal(fs().write({ path: 'docs/a.md', text: 'b' }, key))).toMatchObject({ reason: 'KEY_REUSED' });
  expect(edge.all('toolCall')).toHaveLength(calls);
});

test('a key that its device left free begins anew, bound to the same parameters; every other refusal stays its answer', async () => {
  const full = { reason: 'JOURNAL_FULL', code: 8, retryable: true };
  const write = (key: string, text = 'a') =>
    fs().write({ path: 'docs/a.md', text }, on('kitchen', { 'bowline-idempotency-key': key }));
  const refuse = async (key: string, failure: typeof full, keyFree: boolean) => {
    const told = refusal(write(key));
    edge.answer(await nextCall(), { case: 'neverStarted', value: failure }, { keyFree });
    expect(await told).toMatchObject({ reason: failure.reason });
  };
  await refuse('k-full', full, true);
  expect(await refusal(write('k-full', 'b'))).toMatchObject({ reason: 'KEY_REUSED' });
  await refuse('k-full', { reason: 'DISK_FULL', code: 8, retryable: true }, true);
  // The name of another key that looks like a later round of this one.
  await refuse('k-full:1', full, true);
  const anew = write('k-full');
  edge.done(await nextCall(), WriteResponseSchema, { created: true });
  expect((await anew).created).toBe(true);
  expect((await write('k-full')).created).toBe(true);
  // An edge of an older version does not say that the key is free; a denial is an answer.
  await refuse('k-old', full, false);
  expect(await refusal(write('k-old'))).toMatchObject({ reason: 'JOURNAL_FULL' });
  await refuse('k-no', { reason: 'PATH_NOT_ALLOWED', code: 7, retryable: false }, false);
  expect(await refusal(write('k-no'))).toMatchObject({ reason: 'PATH_NOT_ALLOWED' });
  // What its owner cancelled is not begun by a program that tries again.
  const cancelled = refusal(write('k-cancel'));
  const call = await nextCall();
  await control.client(RunService).cancelRun({ id: call.run, requestId: call.run });
  await eventually(() => edge.all('cancelTool').some(({ job }) => job === call.job));
  edge.answer(call, { case: 'neverStarted', value: full }, { keyFree: true });
  await cancelled;
  expect(await refusal(write('k-cancel'))).toMatchObject({ code: expect.not.stringMatching('Unavailable') });
  expect(edge.all('toolCall')).toHaveLength(calls);
});

test('a key that is free stays so while its device is offline', async () => {
  const away = await control.device('away-and-full');
  const session = control.closing(await away.connect());
  const write = () =>
    fs().write({ path: 'docs/a.md', text: 'a' }, on('away-and-full', { 'bowline-idempotency-key': 'k' }));
  const told = refusal(write());
  const full = { reason: 'JOURNAL_FULL', code: 8, retryable: true };
  session.answer(await session.call(0), { case: 'neverStarted', value: full }, { keyFree: true });
  await told;
  await session.cut();
  await eventually(async () => (await refusal(write())).reason === 'DEVICE_OFFLINE');
  const back = control.closing(await away.connect());
  const anew = write();
  back.done(await back.call(0), WriteResponseSchema, { created: true });
  expect((await anew).created).toBe(true);
  await back.cut();
});

test('a call with a key goes on when one of its callers leaves, or all of them; its key then has the answer', async () => {
  const key = on('kitchen', { 'bowline-idempotency-key': 'k-left' });
  const gone = new AbortController();
  const write = (more: CallOptions = {}) => fs().write({ path: 'docs/a.md', text: 'a' }, { ...key, ...more });
  const leaves = refusal(write({ signal: gone.signal }));
  const hurried = refusal(write({ timeoutMs: 300 }));
  const stays = write();
  const call = await nextCall();
  gone.abort();
  expect((await leaves).code).toBe('Canceled');
  expect((await hurried).code).toBe('DeadlineExceeded');
  edge.done(call, WriteResponseSchema, { file: { path: 'docs/a.md' } });
  expect((await stays).file?.path).toBe('docs/a.md');
  expect(edge.all('cancelTool').filter(({ job }) => job === call.job)).toEqual([]);

  const alone = { 'bowline-idempotency-key': 'k-alone' };
  const cut = new AbortController();
  const nobody = refusal(fs().write({ path: 'docs/b.md', text: 'b' }, { ...on('kitchen', alone), signal: cut.signal }));
  const second = await nextCall();
  cut.abort();
  await nobody;
  edge.done(second, WriteResponseSchema, { file: { path: 'docs/b.md' } });
  expect((await fs().write({ path: 'docs/b.md', text: 'b' }, on('kitchen', alone))).file?.path).toBe('docs/b.md');
  expect(edge.all('toolCall')).toHaveLength(calls);
});

test('an answer on record is given while its device is offline, whichever key of the owner asks', async () => {
  const away = await control.device('away');
  const session = control.closing(await away.connect());
  const options = on('away', { 'bowline-idempotency-key': 'k-offline' });
  const write = fs().write({ path: 'docs/a.md', text: 'a' }, options);
  session.done(await session.call(0), WriteResponseSchema, { file: { path: 'docs/a.md' } });
  await write;
  await session.cut();
  await eventually(async () => {
    const { devices } = await control.client(DeviceService).listDevices({});
    return devices.some(({ name, connected }) => name === 'away' && !connected);
  });
  expect((await fs().write({ path: 'docs/a.md', text: 'a' }, options)).file?.path).toBe('docs/a.md');
  const unknown = on('away', { 'bowline-idempotency-key': 'k-never' });
  expect(await refusal(fs().write({ path: 'docs/a.md', text: 'a' }, unknown))).toMatchObject({
    reason: 'DEVICE_OFFLINE',
  });
});

test('a client that goes away cancels its call on the device and on the worker', async () => {
  const left = new AbortController();
  const read = refusal(fs().read({ path: 'docs/a.md' }, { ...on('kitchen'), signal: left.signal }));
  const call = await nextCall();
  left.abort();
  expect((await read).code).toBe('Canceled');
  const { job } = await edge.until(() => edge.all('cancelTool').find((each) => each.job === call.job));
  expect(job).toBe(call.job);
  const worker = await control.worker();
  const late = refusal(control.client(LlmService).chat(user('hi'), { timeoutMs: 300 }));
  const { dispatchId } = await worker.job();
  expect((await late).code).toBe('DeadlineExceeded');
  expect((await worker.frame('cancel')).dispatchId).toBe(dispatchId);
  await worker.cut();
});

test('a request that no frame to the device can hold is refused, and the session lives', async () => {
  const big = await control.device('tiny-frames');
  const manifest = big.hello().manifest!;
  manifest.limits!.maxFrameBytes = 64 << 10;
  const stream = control.closing(await big.connect({ manifest }));
  const text = 'x'.repeat(200_000);
  const refused = await refusal(fs().write({ path: 'a', text }, on('tiny-frames')));
  expect(refused).toMatchObject({ code: 'ResourceExhausted', reason: 'LIMIT_EXCEEDED' });
  expect(stream.isOver).toBe(false);
  await stream.cut();
});

test('nothing but Join and the overall health is open without a key; a key of the wrong kind is refused', async () => {
  const open = control.client(Health, '');
  expect((await open.check({ service: '' })).status).toBe(Serving.SERVING);
  const refused: (() => Promise<unknown> | AsyncIterable<unknown>)[] = [
    () => open.check({ service: RunService.typeName }),
    () => open.list({}),
    () => open.watch({ service: '' }),
    () => control.client(FsService, '').read({ path: 'a' }),
    () => control.client(LlmService, '').chat(user('hi')),
    () => control.client(RunService, '').listRuns({}),
    () => control.client(RunService, '').watchRun({ id: 'x' }),
    () => control.client(DeviceService, '').createJoinToken({ name: 'x' }),
    () => control.client(RegistryService, '').listCapabilities({}),
    () => control.client(EdgeService, '').connect(nothing()),
    () => control.client(WorkerService, '').work(nothing()),
    () => control.client(ServerReflection, '').serverReflectionInfo(nothing()),
    () => control.client(ServerReflectionAlpha, '').serverReflectionInfo(nothing()),
    () => control.client(RunService, 'bwo_not-a-key').listRuns({}),
  ];
  for (const call of refused) expect((await refusal(call())).code).toBe('Unauthenticated');
  expect(
    await refusal(
      control.client(EnrollmentService, '').join({
        token: 'bwj_unknown',
        name: 'x',
        publicKey: new Uint8Array(32),
        secretSha256: new Uint8Array(32),
      }),
    ),
  ).toMatchObject({ reason: 'JOIN_TOKEN_INVALID' });
  const { ownerKey, workerKey } = control.control;
  const wrong: (() => Promise<unknown> | AsyncIterable<unknown>)[] = [
    () => control.client(EdgeService, ownerKey).connect(nothing()),
    () => control.client(WorkerService, ownerKey).work(nothing()),
    () => control.client(RunService, workerKey).listRuns({}),
    () => control.client(FsService, edge.edge.secret).read({ path: 'a' }),
    () => control.client(WorkerService, edge.edge.secret).work(nothing()),
    () => control.client(ServerReflection, workerKey).serverReflectionInfo(nothing()),
  ];
  for (const call of wrong) expect(await refusal(call())).toMatchObject({ code: 'PermissionDenied' });
});

test('headers of ours that no one reads are dropped, and none of them makes a principal', async () => {
  const headers = { 'bowline-tenant': 'other', 'bowline-principal': 'owner:root', 'bowline-run': 'x', 'x-other': 'y' };
  const read = fs().read({ path: 'docs/a.md' }, on('kitchen', headers));
  const call = await nextCall();
  expect(call.tenant).toBe('default');
  expect(call.principal).not.toContain('root');
  edge.done(call, ReadResponseSchema, {});
  await read;
});

test('tenants cannot see each other: one NOT_FOUND for unknown and foreign, and lists without the other', async () => {
  const other = control.ownerKeys.get('other')!;
  const worker = await control.worker();
  const { run, conversation } = edge.ask('mine?');
  worker.reply(await worker.job(), 'mine');
  await edge.end(run);
  const foreign = async <T>(call: (id: string) => Promise<T> | AsyncIterable<T>, id: string) => {
    const seen = await refusal(call(id) as Promise<T>);
    expect(seen).toMatchObject({ code: 'NotFound', reason: 'NOT_FOUND' });
    expect(seen).toEqual(await refusal(call('0198f000-0000-7000-8000-000000000000') as Promise<T>));
  };
  const api = control.client(RunService, other);
  await foreign((id) => api.getRun({ id }), run);
  await foreign((id) => api.explainRun({ id }), run);
  await foreign((id) => api.cancelRun({ id, requestId: '' }), run);
  await foreign((id) => api.watchRun({ id }), run);
  await foreign((id) => control.client(ConversationService, other).getConversation({ id }), conversation);
  await foreign((id) => control.client(ConversationService, other).deleteConversation({ id }), conversation);
  await foreign((id) => control.client(DeviceService, other).getDevice({ id }), edge.edge.device);
  await foreign((name) => control.client(FsService, other).read({ path: 'a' }, on(name)), 'kitchen');
  expect((await api.listRuns({})).runs).toEqual([]);
  expect((await control.client(ConversationService, other).listConversations({})).conversations).toEqual([]);
  expect((await control.client(DeviceService, other).listDevices({})).devices).toEqual([]);
  expect((await control.client(AuditService, other).listAudit({})).entries).toEqual([]);

  // A worker of the other tenant serves it alone, and only it sees that worker.
  const granted = await control
    .client(WorkerPoolService, other)
    .createWorkerKey({ name: 'theirs', packages: [LLM], pool: 'default' });
  await worker.cut();
  const theirs = await control.worker({ name: 'theirs' }, granted.key);
  const mine = await control.client(StatusService).getStatus({});
  expect([mine.workers, mine.model]).toEqual([0, undefined]);
  expect((await control.client(StatusService, other).getStatus({})).workers).toBe(1);
  expect((await control.client(WorkerPoolService).listWorkers({})).workers).toEqual([]);
  expect(await refusal(control.client(LlmService).chat(user('hi')))).toMatchObject({ reason: 'NO_WORKER' });
  const chat = refusal(control.client(LlmService, other).chat(user('hi')));
  const job = await theirs.job();
  expect(job.tenant).toBe('other');
  theirs.send({
    case: 'result',
    value: {
      dispatchId: job.dispatchId,
      epoch: 1n,
      result: { case: 'failure', value: { reason: 'PROVIDER_REFUSED', code: 9 } },
    },
  });
  expect(await chat).toMatchObject({ reason: 'PROVIDER_REFUSED' });
  // The same name may be a device of both.
  const { token: joinToken } = await control.client(DeviceService, other).createJoinToken({ name: 'kitchen' });
  const twin = control.closing(await (await FakeEdge.join(control.url, joinToken, 'kitchen')).connect());
  const read = control.client(FsService, other).read({ path: 'theirs' }, on('kitchen'));
  const call = await twin.call();
  expect(call.tenant).toBe('other');
  twin.done(call, ReadResponseSchema, { text: 'theirs' });
  expect((await read).text).toBe('theirs');
  expect(edge.all('toolCall')).toHaveLength(calls);
  await Promise.all([theirs.cut(), twin.cut()]);
});

test('reflection lists and shows what owners may call, and never the services of edges, workers and enrolment', async () => {
  const hidden = [EdgeService, WorkerService, EnrollmentService];
  const v1 = reflect((requests) => control.client(ServerReflection).serverReflectionInfo(requests as never));
  const alpha = reflect((requests) => control.client(ServerReflectionAlpha).serverReflectionInfo(requests as never));
  for (const ask of [v1, alpha]) {
    const [listed] = await ask({ case: 'listServices', value: '' });
    const names = listed?.case === 'listServicesResponse' ? listed.value.service.map(({ name }) => name) : [];
    expect(names).toContain(FsService.typeName);
    expect(names).toContain(RunService.typeName);
    expect(names.filter((name) => hidden.some((service) => service.typeName === name))).toEqual([]);
    const [file] = await ask({ case: 'fileContainingSymbol', value: FsService.typeName });
    expect(file?.case).toBe('fileDescriptorResponse');
    for (const service of hidden) {
      const answers = await ask(
        { case: 'fileContainingSymbol', value: service.typeName },
        { case: 'fileByFilename', value: service.file.proto.name },
      );
      expect(answers.map((answer) => answer?.case)).toEqual(['errorResponse', 'errorResponse']);
    }
  }
});

test('health of one service is told to an owner, and unknown services are not found', async () => {
  const health = control.client(Health);
  expect((await health.check({ service: FsService.typeName })).status).toBe(Serving.SERVING);
  expect(await refusal(health.check({ service: 'no.such.Service' }))).toMatchObject({ code: 'NotFound' });
  expect(Object.keys((await health.list({})).statuses)).toContain(RunService.typeName);
  for await (const { status } of health.watch({ service: '' })) {
    expect(status).toBe(Serving.SERVING);
    break;
  }
});

test('a result that is no message is tried again, and the session of its worker goes on', async () => {
  const worker = await control.worker();
  const said: string[] = [];
  const chat = (async () => {
    for await (const { event } of control.client(LlmService).chat(user('hi'))) {
      if (event.case === 'text') said.push(event.value.text);
    }
  })();
  const { dispatchId, epoch } = await worker.job(0);
  const responses = [new Uint8Array([0xff])];
  worker.send({ case: 'result', value: { dispatchId, epoch, result: { case: 'done', value: { responses } } } });
  const again = await worker.job(1);
  expect(again.epoch).toBe(2n);
  worker.reply(again, 'well');
  await chat;
  expect(said).toEqual(['well']);
  await worker.cut();
});

test('a dead job is listed, shown with its attempts and begun anew once, or dropped; what may have happened is not begun anew', async () => {
  const worker = await control.worker({ name: 'poisoned' });
  const jobs = control.client(JobService);
  const other = control.client(JobService, control.ownerKeys.get('other')!);
  const dead = async (client = jobs) => (await client.listDeadJobs({ method: 'llm' })).jobs;
  const asked = (async () => {
    for await (const _ of control.client(RunService).ask({ text: '毒', requestId: newId() }));
  })();
  let id = '';
  for (let attempt = 0; attempt < 4; attempt++) {
    const { dispatchId, epoch, job } = await worker.job(attempt);
    id = job;
    const value = { reason: 'PROVIDER_FAILED', code: 13, retryable: true, message: 'it broke' };
    worker.send({ case: 'result', value: { dispatchId, epoch, result: { case: 'failure', value } } });
    worker.credits(4);
    if (attempt === 3) break;
    await eventually(async () => (await jobs.getJob({ id })).retry === RetryEffect.NOW);
    expect(await dead()).toEqual([]);
    expect((await jobs.retryJob({ id })).done).toBe(RetryEffect.NOW);
  }
  await asked;
  const [listed] = await dead();
  expect(listed).toMatchObject({ id, kind: DeadKind.FAILED, attempts: 4, reason: 'PROVIDER_FAILED' });
  expect(await dead(other)).toEqual([]);
  for (const act of ['getJob', 'retryJob', 'dropJob'] as const)
    expect((await refusal(other[act]({ id }))).reason).toBe('NOT_FOUND');
  const shown = await jobs.getJob({ id });
  expect(shown).toMatchObject({ retry: RetryEffect.NEW_RUN, whyNot: '' });
  expect(shown.attempts.map(({ failure, endTime }) => [failure?.reason, endTime !== undefined])).toEqual(
    Array.from({ length: 4 }, () => ['PROVIDER_FAILED', true]),
  );
  const [first, second] = await Promise.all([jobs.retryJob({ id }), jobs.retryJob({ id, requestId: newId() })]);
  expect(first).toMatchObject({ done: RetryEffect.NEW_RUN, run: second.run });
  worker.reply(await worker.job(4), 'well');
  const { run } = await eventually(async () => {
    const answer = await control.client(RunService).getRun({ id: first.run });
    return answer.run?.endTime ? answer : undefined;
  });
  expect(run).toMatchObject({ state: RunState.ANSWERED, text: '毒' });
  expect(worker.all('job')).toHaveLength(5);
  expect(await dead()).toEqual([]);
  await worker.cut();

  const write = refusal(fs().write({ path: 'docs/a.md', text: 'a' }, on('kitchen')));
  const call = await nextCall();
  edge.answer(call, { case: 'unknown', value: { reason: 'OUTCOME_UNKNOWN', code: 2, message: 'it may be' } });
  await write;
  const [effect] = (await jobs.listDeadJobs({ kind: DeadKind.UNKNOWN, method: 'fs' })).jobs;
  expect(effect).toMatchObject({ id: call.job, target: 'device kitchen' });
  expect((await jobs.getJob({ id: call.job })).whyNot).toContain('it would be done twice');
  expect(await refusal(jobs.retryJob({ id: call.job }))).toMatchObject({ reason: 'JOB_NOT_RETRIED' });
  await jobs.dropJob({ id: call.job, reason: '看过了' });
  expect((await refusal(jobs.dropJob({ id: call.job }))).reason).toBe('NOT_FOUND');
  const { entries } = await control.client(AuditService).listAudit({ pageSize: 3 });
  expect(entries.map(({ action }) => action).sort()).toEqual(['job.drop', 'job.retry', 'job.retry']);
});

async function* nothing(): AsyncGenerator<never> {}

type Asked = { case: string; value: string };
type Answered = { case: string; value: { service: { name: string }[] } };

/** Asks reflection questions on one stream. */
function reflect(open: (requests: AsyncIterable<unknown>) => AsyncIterable<{ messageResponse: unknown }>) {
  return async (...questions: Asked[]): Promise<(Answered | undefined)[]> => {
    async function* requests() {
      for (const messageRequest of questions) yield { messageRequest };
    }
    const answers: Answered[] = [];
    for await (const { messageResponse } of open(requests())) answers.push(messageResponse as Answered);
    return answers;
  };
}
