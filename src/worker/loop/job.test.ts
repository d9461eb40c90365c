// Jobs of a worker against a real Connect server on loopback that plays the control plane.
import { create } from '@bufbuild/protobuf';
import { durationFromMs } from '@bufbuild/protobuf/wkt';
import { afterEach, expect, test, vi } from 'vitest';
import { CancelJobSchema } from '../../../gen/bowline/worker/v1/worker_pb.ts';
import { CHAT, finish, gated, params, piece, start, stopAll, textOf } from '../../../test/support/worker-loop.ts';
import { AppError } from '../../base/errors.ts';
import { silentLogger } from '../../base/logger.ts';
import { watchStrayErrors } from '../../base/stray-errors.ts';

afterEach(stopAll);

test('a job is answered with numbered outputs, then its whole result, then its slot is free again', async () => {
  const { control } = await start();
  const session = await control.session();
  expect(control.seenKeys).toEqual(['Bearer bww_test']);
  expect(session.hello.manifest?.capabilities[0]?.package).toBe('bowline.capability.llm.v1');
  expect(session.hello.manifest?.capabilities[0]?.methods.map((m) => m.name)).toEqual(['Chat']);
  session.welcome();
  await session.credits(2);
  session.assign({ dispatchId: 'r/0/0-1', method: CHAT, params: params('hello'), timeout: durationFromMs(5000) });
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
    throw new AppError('PROVIDER_RATE_LIMITED', { provider: 'p', retryAfterMs: 1500 });
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

test('an assignment that comes twice runs once: what is held is told again, what was committed is refused for another attempt', async () => {
  const { calls, chat } = gated();
  const { control } = await start(chat);
  const session = (await control.session()).welcome();
  const job = { dispatchId: 'a', method: CHAT, params: params() };
  session.assign(job);
  session.assign(job);
  await session.until(() => calls[0]);
  calls[0]!.end();
  await session.result('a');
  const results = () => session.all('result').filter(({ dispatchId }) => dispatchId === 'a');
  session.assign(job);
  await session.until(() => results()[1]);
  session.committed('a');
  session.assign(job);
  session.assign({ ...job, dispatchId: 'b' });
  await session.until(() => calls[1]);
  await session.until(() => results()[2]);
  const told = results();
  expect(told.map(({ result }) => result.case)).toEqual(['done', 'done', 'failure']);
  expect(told[2]?.result.value).toMatchObject({ reason: 'SESSION_LOST', retryable: true });
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
  session.assign({ dispatchId: 'a', method: CHAT, params: params(), timeout: durationFromMs(30) });
  const { result } = await session.result('a');
  expect(result.case === 'failure' && result.value.reason).toBe('DEADLINE_EXCEEDED');
  expect(calls[0]!.context.signal.aborted).toBe(true);
});

test('a stream that is not read pauses the handler; read again, it brings everything in few frames', async () => {
  const line = 'a line of text that is about one hundred characters long, so that many of them fill every buffer. ';
  let written = 0;
  const { control } = await start(
    async function* () {
      for (; written < 60_000; written++) yield piece(line);
      yield finish();
    },
    { limits: { maxResultBytes: 32 << 20 } },
  );
  const session = (await control.session()).welcome();
  let resume = () => {};
  session.reading = new Promise<void>((resolve) => {
    resume = resolve;
  });
  session.assign({ dispatchId: 'a', method: CHAT, params: params() });
  await new Promise<void>((resolve) => {
    let last = -1;
    const look = setInterval(() => {
      if (written > 0 && written === last) {
        clearInterval(look);
        resolve();
      }
      last = written;
    }, 50);
  });
  expect(written).toBeLessThan(60_000);
  resume();
  const { result } = await session.result('a');
  const text = session
    .all('output')
    .map((o) => textOf(o.response))
    .join('');
  expect(text === `${line.repeat(60_000)}<finish>`).toBe(true);
  expect(session.all('output').length).toBeLessThan(20_000);
  expect(result.case).toBe('done');
});

test('an error that a handler lets escape ends its own job, and a worker at work beside it goes on', async () => {
  const others = process.listeners('uncaughtException');
  process.removeAllListeners('uncaughtException');
  const over = Promise.withResolvers<void>();
  const unwatch = watchStrayErrors(silentLogger);
  try {
    const waiting: string[] = [];
    const { control } = await start(
      async function* (request, { signal }) {
        const part = request.messages[0]?.parts[0]?.part;
        const wish = part?.case === 'text' ? part.value : '';
        if (wish === 'well') return yield finish();
        if (wish === 'at once') setImmediate(escapes);
        else signal.addEventListener('abort', escapes);
        waiting.push(wish);
        await over.promise;
      },
      { slots: 3 },
    );
    const session = (await control.session()).welcome();
    const reasonOf = async (id: string) => {
      const { result } = await session.result(id);
      return result.case === 'failure' ? result.value.reason : result.case;
    };
    session.assign({ dispatchId: 'a', method: CHAT, params: params('at once') });
    expect(await reasonOf('a')).toBe('INTERNAL');
    session.committed('a');
    session.assign({ dispatchId: 'b', method: CHAT, params: params('when told to stop') });
    await vi.waitFor(() => expect(waiting).toHaveLength(2));
    session.send({ case: 'cancel', value: create(CancelJobSchema, { dispatchId: 'b', epoch: 1n }) });
    expect(await reasonOf('b')).toBe('INTERNAL');
    session.committed('b');
    session.assign({ dispatchId: 'c', method: CHAT, params: params('well') });
    expect(await reasonOf('c')).toBe('done');
  } finally {
    over.resolve();
    unwatch();
    for (const listener of others) process.on('uncaughtException', listener);
  }
});

function escapes(): never {
  throw new Error('escaped');
}
