// The work loop against a real Connect server on loopback that plays the control plane.
import { create, fromBinary, isMessage, toBinary } from '@bufbuild/protobuf';
import { durationFromMs } from '@bufbuild/protobuf/wkt';
import { Code, ConnectError } from '@connectrpc/connect';
import { afterEach, expect, test } from 'vitest';
import {
  type ChatRequest,
  ChatRequestSchema,
  type ChatResponse,
  ChatResponseSchema,
  LlmService,
  Role,
} from '../../gen/bowline/capability/llm/v1/llm_pb.ts';
import { DrainSchema, PingSchema } from '../../gen/bowline/common/v1/common_pb.ts';
import { CancelJobSchema, OutputWindowSchema, WorkResponseSchema } from '../../gen/bowline/worker/v1/worker_pb.ts';
import { ScriptedControl } from '../../test/support/scripted-control.ts';
import { systemClock } from '../base/clock.ts';
import { AppError } from '../base/errors.ts';
import { newId } from '../base/ids.ts';
import { silentLogger } from '../base/logger.ts';
import { defineHandler, type HandlerContext } from './handler.ts';
import { joinText } from './handlers/llm/join-text.ts';
import { RETRY_AFTER_MS } from './job-failure.ts';
import { Secret } from './secret.ts';
import { grpcConnector } from './transport.ts';
import { WorkLoop, type WorkLoopOptions } from './work-loop.ts';

const CHAT = 'bowline.capability.llm.v1.LlmService/Chat';

const params = (text = 'hello') =>
  toBinary(
    ChatRequestSchema,
    create(ChatRequestSchema, { messages: [{ role: Role.USER, parts: [{ part: { case: 'text', value: text } }] }] }),
  );

const piece = (text: string): ChatResponse => create(ChatResponseSchema, { event: { case: 'text', value: { text } } });
const finish = (): ChatResponse =>
  create(ChatResponseSchema, { event: { case: 'finish', value: { usage: { outputTokens: 7n } } } });

const textOf = (bytes: Uint8Array) => {
  const { event } = fromBinary(ChatResponseSchema, bytes);
  return event.case === 'text' ? event.value.text : `<${event.case}>`;
};

type Chat = (request: ChatRequest, context: HandlerContext) => AsyncIterable<ChatResponse>;

/** Says the text of the user back in two pieces. */
const echo: Chat = async function* (request) {
  const part = request.messages[0]?.parts[0]?.part;
  const text = part?.case === 'text' ? part.value : '';
  yield piece(text.slice(0, 2));
  yield piece(text.slice(2));
  yield finish();
};

const cleanups: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

async function start(chat: Chat = echo, options: Partial<WorkLoopOptions> = {}) {
  const control = new ScriptedControl();
  const url = await control.listen();
  cleanups.push(() => control.close());
  const handler = defineHandler(
    LlmService,
    { Chat: chat },
    {
      join: joinText,
      usage: (r) => (isMessage(r, ChatResponseSchema) && r.event.case === 'finish' ? r.event.value.usage : undefined),
    },
  );
  const loop = new WorkLoop({
    name: 'llm-1',
    slots: 2,
    handlers: [handler],
    connect: grpcConnector({ control: url, key: new Secret('bww_test') }),
    clock: systemClock,
    log: silentLogger,
    bootId: newId(),
    ...options,
    limits: { backoffBaseMs: 5, backoffCapMs: 20, stopGraceMs: 200, ...options.limits },
  });
  cleanups.push(() => loop.drain(0));
  return { control, loop, url };
}

/** A handler that yields what is pushed to it and stops when told. */
function gated() {
  const calls: { go: (text: string) => void; end: () => void; context: HandlerContext }[] = [];
  const chat: Chat = async function* (_request, context) {
    const queue: (ChatResponse | undefined)[] = [];
    let wake = () => {};
    const add = (item: ChatResponse | undefined) => {
      queue.push(item);
      wake();
    };
    calls.push({ go: (text) => add(piece(text)), end: () => add(undefined), context });
    context.signal.addEventListener('abort', () => wake());
    for (;;) {
      while (queue.length > 0) {
        const next = queue.shift();
        if (next === undefined) return;
        yield next;
      }
      context.signal.throwIfAborted();
      await new Promise<void>((resolve) => {
        wake = resolve;
      });
    }
  };
  return { calls, chat };
}

test('a job is answered with numbered outputs, then its whole result, then its slot is free again', async () => {
  const { control } = await start();
  const session = await control.session();
  expect(control.seenKeys).toEqual(['Bearer bww_test']);
  expect(session.hello.manifest?.capabilities[0]?.package).toBe('bowline.capability.llm.v1');
  expect(session.hello.manifest?.capabilities[0]?.methods.map((m) => m.name)).toEqual(['Chat']);
  session.welcome();
  await session.credits(2);
  session.assign({ dispatchId: 'r/0/0-1', method: CHAT, params: params('hello'), deadline: durationFromMs(5000) });
  const result = await session.result('r/0/0-1');
  expect(session.all('output').map((o) => Number(o.index))).toEqual(session.all('output').map((_, i) => i));
  expect(
    session
      .all('output')
      .map((o) => textOf(o.response))
      .join(''),
  ).toBe('hello<finish>');
  if (result.result.case !== 'done') throw new Error('not done');
  expect(result.result.value.responses.map(textOf)).toEqual(['hello', '<finish>']);
  expect(result.usage?.outputTokens).toBe(7n);
  session.committed('r/0/0-1');
  await session.credits(2);
});

test('a job of which the handler fails ends with its reason, retryable as the reason says', async () => {
  const { control } = await start(async function* () {
    yield piece('half');
    throw new AppError('PROVIDER_RATE_LIMITED', { provider: 'p', [RETRY_AFTER_MS]: 1500 });
  });
  const session = (await control.session()).welcome();
  session.assign({ dispatchId: 'a', method: CHAT, params: params() });
  const { result } = await session.result('a');
  expect(result.case === 'failure' && result.value).toMatchObject({
    reason: 'PROVIDER_RATE_LIMITED',
    retryable: true,
    retryAfter: { seconds: 1n, nanos: 500_000_000 },
    metadata: { provider: 'p' },
  });
});

test('an error that is no AppError crosses the wire as INTERNAL without its text', async () => {
  const { control } = await start(() => {
    throw new TypeError('the secret is swordfish');
  });
  const session = (await control.session()).welcome();
  session.assign({ dispatchId: 'a', method: CHAT, params: params() });
  const { result } = await session.result('a');
  expect(result.case === 'failure' && result.value.reason).toBe('INTERNAL');
  expect(JSON.stringify(result.case === 'failure' && result.value.message)).not.toContain('swordfish');
});

test('a request that breaks the contract, or a method that is not served, fails without a try', async () => {
  const { control } = await start();
  const session = (await control.session()).welcome();
  const reasonOf = async (id: string) => {
    const { result } = await session.result(id);
    return result.case === 'failure' ? [result.value.reason, result.value.retryable] : undefined;
  };
  session.assign({ dispatchId: 'a', method: CHAT, params: new Uint8Array() });
  session.assign({ dispatchId: 'b', method: CHAT, params: new Uint8Array([255, 255]) });
  session.assign({ dispatchId: 'c', method: 'x.Y/Z', params: params() });
  expect(await reasonOf('a')).toEqual(['INVALID_ARGUMENT', false]);
  expect(await reasonOf('b')).toEqual(['INVALID_ARGUMENT', false]);
  expect(await reasonOf('c')).toEqual(['METHOD_UNKNOWN', false]);
});

test('an assignment that comes twice runs once, also after its result was committed', async () => {
  const { calls, chat } = gated();
  const { control } = await start(chat);
  const session = (await control.session()).welcome();
  const job = { dispatchId: 'a', method: CHAT, params: params() };
  session.assign(job);
  session.assign(job);
  await session.until(() => calls[0]);
  calls[0]!.end();
  await session.result('a');
  session.assign(job);
  session.committed('a');
  session.assign(job);
  session.assign({ ...job, dispatchId: 'b' });
  await session.until(() => calls[1]);
  expect(session.all('result')).toHaveLength(1);
  expect(calls).toHaveLength(2);
});

test('a cancel reaches the handler as an abort, and the job ends as stopped', async () => {
  const { calls, chat } = gated();
  const { control } = await start(chat);
  const session = (await control.session()).welcome();
  session.assign({ dispatchId: 'a', method: CHAT, params: params() });
  await session.until(() => calls[0]);
  session.send({ case: 'cancel', value: create(CancelJobSchema, { dispatchId: 'a', epoch: 9n }) });
  session.send({ case: 'cancel', value: create(CancelJobSchema, { dispatchId: 'a', epoch: 1n }) });
  expect((await session.result('a')).result.case).toBe('stopped');
  expect(calls[0]!.context.signal.reason).toMatchObject({ reason: 'CANCELED' });
});

test('a handler that does not stop when told ends as a failure, and keeps its slot until it really ends', async () => {
  let end = () => {};
  const { control } = await start(async function* () {
    await new Promise<void>((resolve) => {
      end = resolve;
    });
    yield piece('too late');
  });
  const session = (await control.session()).welcome();
  session.assign({ dispatchId: 'a', method: CHAT, params: params() });
  session.send({ case: 'cancel', value: create(CancelJobSchema, { dispatchId: 'a', epoch: 1n }) });
  const { result } = await session.result('a');
  expect(result.case === 'failure' && result.value.reason).toBe('CANCELED');
  session.committed('a');
  session.assign({ dispatchId: 'b', method: CHAT, params: params() });
  session.assign({ dispatchId: 'c', method: CHAT, params: params() });
  const busy = await session.result('c');
  expect(busy.result.case === 'failure' && busy.result.value).toMatchObject({ reason: 'WORKER_BUSY', retryable: true });
  end();
});

test('a job past its deadline fails at once', async () => {
  const { calls, chat } = gated();
  const { control } = await start(chat);
  const session = (await control.session()).welcome();
  session.assign({ dispatchId: 'a', method: CHAT, params: params(), deadline: durationFromMs(30) });
  const { result } = await session.result('a');
  expect(result.case === 'failure' && result.value.reason).toBe('DEADLINE_EXCEEDED');
  expect(calls[0]!.context.signal.aborted).toBe(true);
});

test('pieces behind a closed window are joined, pause the handler when they are too many, and never get lost', async () => {
  let written = 0;
  const { control } = await start(async function* () {
    for (let i = 0; i < 3000; i++) {
      yield piece('ein Stück 😀 Text. '.repeat(4));
      written++;
    }
    yield finish();
  });
  const session = (await control.session()).welcome();
  session.assign({ dispatchId: 'a', method: CHAT, params: params() });
  session.send({ case: 'outputWindow', value: create(OutputWindowSchema, { dispatchId: 'a', untilIndex: 1n }) });
  await session.frame('output');
  session.send({ case: 'ping', value: create(PingSchema, { nonce: 5n }) });
  await session.frame('pong');
  expect(written).toBeLessThan(3000);
  session.send({
    case: 'outputWindow',
    value: create(OutputWindowSchema, { dispatchId: 'a', untilIndex: 1_000_000n }),
  });
  const { result } = await session.result('a');
  const text = session
    .all('output')
    .map((o) => textOf(o.response))
    .join('');
  expect(text).toBe(`${'ein Stück 😀 Text. '.repeat(12_000)}<finish>`);
  expect(text.isWellFormed()).toBe(true);
  expect(session.all('output').length).toBeLessThan(1500);
  expect(result.case === 'done' && result.value.responses).toHaveLength(2);
});

test('a cut stream is resumed: held jobs are told, outputs come again under their numbers, the result follows', async () => {
  const { calls, chat } = gated();
  const { control, loop } = await start(chat);
  const first = (await control.session()).welcome();
  first.assign({ dispatchId: 'a', method: CHAT, params: params() });
  first.assign({ dispatchId: 'b', method: CHAT, params: params() });
  await first.until(() => calls[1]);
  calls[0]!.go('one ');
  await first.frame('output');
  calls[1]!.end();
  await first.result('b');
  control.cut();
  await first.until(() => first.ended || undefined);
  calls[0]!.go('two ');
  const second = await control.session();
  expect(second.hello.bootId).toBe(first.hello.bootId);
  expect(second.hello.held).toMatchObject([
    { dispatchId: 'a', epoch: 1n, finished: false },
    { dispatchId: 'b', epoch: 1n, finished: true },
  ]);
  second.welcome();
  await second.result('b');
  calls[0]!.go('three');
  calls[0]!.end();
  const { result } = await second.result('a');
  const outputs = second.all('output').filter((o) => o.dispatchId === 'a');
  expect(outputs.map((o) => Number(o.index))).toEqual(outputs.map((_, i) => i));
  expect(textOf(outputs[0]!.response)).toBe('one ');
  expect(outputs.map((o) => textOf(o.response)).join('')).toBe('one two three');
  expect(result.case === 'done' && result.value.responses.map(textOf)).toEqual(['one two three']);
  second.committed('a');
  second.committed('b');
  await second.credits(2);
  expect(await loop.drain(1000)).toBe(true);
});

test('what Welcome says to drop is stopped and forgotten', async () => {
  const { calls, chat } = gated();
  const { control } = await start(chat);
  const first = (await control.session()).welcome();
  first.assign({ dispatchId: 'a', method: CHAT, params: params() });
  await first.until(() => calls[0]);
  control.cut();
  const second = (await control.session()).welcome({ drop: ['a'] });
  await second.credits(2);
  expect(calls[0]!.context.signal.aborted).toBe(true);
  expect(second.all('result')).toEqual([]);
});

test('results that nobody commits are bounded: at the bound no credits are given', async () => {
  const { control } = await start(echo, { slots: 4, limits: { maxHeld: 5 } });
  const session = (await control.session()).welcome();
  await session.credits(4);
  for (const id of ['a', 'b', 'c', 'd']) session.assign({ dispatchId: id, method: CHAT, params: params() });
  await session.result('d');
  await session.credits(1);
  session.assign({ dispatchId: 'e', method: CHAT, params: params() });
  await session.result('e');
  session.assign({ dispatchId: 'f', method: CHAT, params: params() });
  const { result } = await session.result('f');
  expect(result.case === 'failure' && result.value.reason).toBe('WORKER_BUSY');
  for (const id of ['a', 'b', 'c', 'd', 'e', 'f']) session.committed(id);
  await session.credits(4);
});

test('a control plane that falls silent is noticed within two intervals, and the worker connects anew', async () => {
  const { control } = await start();
  const first = (await control.session()).welcome({ heartbeatMs: 40 });
  await first.frame('ping', 0);
  const second = await control.session();
  expect(first.all('ping').length).toBeLessThanOrEqual(2);
  second.welcome({ heartbeatMs: 40 });
  const alive = setInterval(() => second.send({ case: 'ping', value: create(PingSchema, { nonce: 1n }) }), 20);
  await second.frame('ping', 4);
  clearInterval(alive);
  expect(second.ended).toBe(false);
});

test('a frame that is not known is answered as such and the stream goes on; one out of order ends it', async () => {
  const { control } = await start();
  const session = (await control.session()).welcome();
  const unknown = create(WorkResponseSchema, { header: { seq: 2n } });
  unknown.$unknown = [{ no: 4000, wireType: 2, data: new Uint8Array([1, 7]) }];
  session.sendRaw(unknown);
  expect((await session.frame('unimplemented')).seq).toBe(2n);
  session.sendRaw(create(WorkResponseSchema, { header: { seq: 3n }, frame: { case: 'ping', value: { nonce: 8n } } }));
  expect((await session.frame('pong')).nonce).toBe(8n);
  session.sendRaw(create(WorkResponseSchema, { header: { seq: 7n }, frame: { case: 'ping', value: { nonce: 9n } } }));
  await session.until(() => session.ended || undefined);
  (await control.session()).welcome();
});

test('a drain lets jobs end and results be committed, refuses new ones, and says when it leaves', async () => {
  const { calls, chat } = gated();
  const { control, loop } = await start(chat);
  const session = (await control.session()).welcome();
  session.assign({ dispatchId: 'a', method: CHAT, params: params() });
  await session.until(() => calls[0]);
  const drained = loop.drain(5000);
  expect(Number((await session.frame('drain')).deadline?.seconds)).toBe(5);
  await session.credits(0);
  session.assign({ dispatchId: 'late', method: CHAT, params: params() });
  const late = await session.result('late');
  expect(late.result.case === 'failure' && late.result.value).toMatchObject({
    reason: 'WORKER_DRAINING',
    retryable: true,
  });
  session.committed('late');
  calls[0]!.go('done');
  calls[0]!.end();
  expect((await session.result('a')).result.case).toBe('done');
  session.committed('a');
  expect(await drained).toBe(true);
  await loop.closed;
  await session.until(() => session.ended || undefined);
});

test('a drain whose deadline passes hands its jobs back and ends', async () => {
  const { calls, chat } = gated();
  const { control, loop } = await start(chat);
  const session = (await control.session()).welcome();
  session.assign({ dispatchId: 'a', method: CHAT, params: params() });
  await session.until(() => calls[0]);
  const drained = loop.drain(300);
  expect((await session.result('a')).result.case).toBe('stopped');
  expect(calls[0]!.context.signal.aborted).toBe(true);
  expect(await drained).toBe(false);
});

test('a replica that leaves is left once its jobs are done', async () => {
  const { calls, chat } = gated();
  const { control } = await start(chat);
  const first = (await control.session()).welcome();
  first.assign({ dispatchId: 'a', method: CHAT, params: params() });
  await first.until(() => calls[0]);
  first.send({ case: 'drain', value: create(DrainSchema) });
  calls[0]!.end();
  await first.result('a');
  expect(first.ended).toBe(false);
  first.committed('a');
  await first.until(() => first.ended || undefined);
  expect((await control.session()).hello.held).toEqual([]);
});

test('a refused key and a version that is not spoken end the worker; a control plane that is down does not', async () => {
  const refused = await start();
  (await refused.control.session()).welcome({ version: 9 });
  await expect(refused.loop.closed).rejects.toMatchObject({ reason: 'VERSION_UNSUPPORTED' });

  const { control, loop, url } = await start();
  (await control.session()).welcome();
  await control.close();
  const again = new ScriptedControl();
  cleanups.push(() => again.close());
  again.refuse = new ConnectError('no', Code.Unauthenticated);
  await again.listen(Number(new URL(url).port));
  await expect(loop.closed).rejects.toMatchObject({ code: 'unauthenticated' });
});
