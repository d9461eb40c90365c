// What can never be sent ends its own job with a clear failure: once, on the same session, beside jobs that go on.
import { create } from '@bufbuild/protobuf';
import { durationFromMs } from '@bufbuild/protobuf/wkt';
import { afterEach, expect, test } from 'vitest';
import { EmbedService } from '../../../gen/bowline/capability/embed/v1/embed_pb.ts';
import { ChatResponseSchema } from '../../../gen/bowline/capability/llm/v1/llm_pb.ts';
import { UsageSchema } from '../../../gen/bowline/run/v1/run_pb.ts';
import { WorkerWelcomeSchema } from '../../../gen/bowline/worker/v1/worker_pb.ts';
import { CHAT, type Chat, echo, finish, params, piece, start, stopAll } from '../../../test/support/worker-loop.ts';
import { AppError } from '../../base/errors.ts';

afterEach(stopAll);

/** Plays `bad` as one job and an echo as another beside it. */
async function beside(bad: Chat) {
  const chat: Chat = (request, context) => (context.idempotencyKey === 'bad' ? bad : echo)(request, context);
  const { control } = await start(chat);
  const session = await control.session();
  const limits = { maxFrameBytes: 64 << 10 };
  const value = create(WorkerWelcomeSchema, { version: 1, worker: 'w', heartbeat: durationFromMs(10_000), limits });
  session.send({ case: 'welcome', value });
  session.assign({ dispatchId: 'bad', method: CHAT, params: params(), idempotencyKey: 'bad' });
  session.assign({ dispatchId: 'good', method: CHAT, params: params() });
  const results = { good: (await session.result('good')).result, bad: await session.result('bad') };
  expect(results.good.case).toBe('done');
  expect(session.ended).toBe(false);
  expect(session.all('result').filter((each) => each.dispatchId === 'bad')).toHaveLength(1);
  return results.bad;
}

const reasonOf = ({ result }: Awaited<ReturnType<typeof beside>>) =>
  result.case === 'failure' ? result.value.reason : result.case;

test.each([2n ** 64n, 10n ** 20n, -1n])('a usage of %s tokens is bounded, and the answer is kept', async (tokens) => {
  const result = await beside(async function* (_, context) {
    context.report(create(UsageSchema, { inputTokens: tokens, costMicros: tokens }));
    yield piece('an answer');
    yield finish();
  });
  expect(result.result.case).toBe('done');
  const most = tokens < 0n ? 0n : 10n ** 12n;
  expect(result.usage?.inputTokens).toBe(most);
});

test('a response with a number that no field holds ends its job', async () => {
  const result = await beside(async function* () {
    yield create(ChatResponseSchema, { event: { case: 'finish', value: { usage: { inputTokens: 2n ** 64n } } } });
  });
  expect(reasonOf(result)).toBe('MESSAGE_REFUSED');
});

test('a call that is larger than a frame fails in the job that made it', async () => {
  let seen: unknown;
  const result = await beside(async function* (_, context) {
    yield piece('before');
    await context
      .call(EmbedService.method.embed, { texts: Array.from({ length: 20 }, () => 'x'.repeat(8_000)) })
      .catch((error: unknown) => {
        seen = error;
        throw error;
      });
  });
  expect(reasonOf(result)).toBe('MESSAGE_REFUSED');
  expect(seen).toBeInstanceOf(AppError);
});

test('a failure with a text, a reason and values of any size is one that every side takes', async () => {
  const result = await beside(async function* () {
    yield piece('before');
    const wire = {
      reason: 'no such reason!',
      code: 'internal',
      retryable: false,
      message: '\0\ud800'.repeat(9_000),
    } as const;
    throw new AppError(wire, { what: 'x'.repeat(90_000) });
  });
  expect(reasonOf(result)).toBe('UNKNOWN');
});
