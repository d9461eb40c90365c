// The work loop against a real Connect server on loopback that plays the control plane: reconnects, drains, heartbeats.
import { create } from '@bufbuild/protobuf';
import { Code, ConnectError } from '@connectrpc/connect';
import { afterEach, expect, test } from 'vitest';
import { DrainSchema, PingSchema } from '../../../gen/bowline/common/v1/common_pb.ts';
import { WorkResponseSchema } from '../../../gen/bowline/worker/v1/worker_pb.ts';
import { ScriptedControl } from '../../../test/support/scripted-control.ts';
import { CHAT, gated, params, start, stopAll, stopLater, textOf } from '../../../test/support/worker-loop.ts';

afterEach(stopAll);

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
  const { calls, chat } = gated();
  const { control } = await start(chat, { slots: 4, limits: { maxHeld: 5 } });
  const session = (await control.session()).welcome();
  await session.credits(4);
  for (const id of ['a', 'b', 'c', 'd']) session.assign({ dispatchId: id, method: CHAT, params: params() });
  await session.until(() => calls[3]);
  for (const call of calls) call.end();
  await session.result('d');
  await session.credits(1);
  session.assign({ dispatchId: 'e', method: CHAT, params: params() });
  (await session.until(() => calls[4])).end();
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
  expect(Number((await session.frame('drain')).timeout?.seconds)).toBe(5);
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
  const { control } = await start(chat, { limits: { backoffBaseMs: 60_000, backoffCapMs: 60_000 } });
  const first = (await control.session()).welcome();
  first.assign({ dispatchId: 'a', method: CHAT, params: params() });
  await first.until(() => calls[0]);
  first.send({ case: 'drain', value: create(DrainSchema, { timeout: { seconds: 60n } }) });
  calls[0]!.end();
  await first.result('a');
  first.committed('a');
  const second = await control.session();
  expect(second.hello.held).toEqual([]);
});

test('a replica that leaves is not waited for: a job that goes on is taken along at once, with all it said', async () => {
  const { calls, chat } = gated();
  const { control } = await start(chat, { limits: { backoffBaseMs: 60_000, backoffCapMs: 60_000 } });
  const first = (await control.session()).welcome();
  first.assign({ dispatchId: 'a', method: CHAT, params: params() });
  await first.until(() => calls[0]);
  calls[0]!.go('one ');
  await first.frame('output');
  first.send({ case: 'drain', value: create(DrainSchema, { timeout: { nanos: 100_000_000 } }) });
  const second = await control.session();
  expect(second.hello.held).toMatchObject([{ dispatchId: 'a', epoch: 1n, finished: false }]);
  second.welcome();
  await second.frame('output');
  calls[0]!.go('two');
  calls[0]!.end();
  await second.result('a');
  expect(
    second
      .all('output')
      .map((output) => textOf(output.response))
      .join(''),
  ).toBe('one two');
});

test('a job that ended while no stream stood sends its result alone, never an output without those before it', async () => {
  const { calls, chat } = gated();
  const ended = Promise.withResolvers<void>();
  const { control } = await start(async function* (request, context) {
    yield* chat(request, context);
    ended.resolve();
  });
  const first = (await control.session()).welcome();
  first.assign({ dispatchId: 'a', method: CHAT, params: params() });
  await first.until(() => calls[0]);
  calls[0]!.go('one ');
  await first.frame('output');
  control.cut();
  const second = await control.session();
  calls[0]!.go('two');
  calls[0]!.end();
  await ended.promise;
  second.welcome();
  const { result } = await second.result('a');
  expect(second.all('output')).toEqual([]);
  expect(result.case === 'done' && result.value.responses.map(textOf)).toEqual(['one two']);
});

test('a refused key and a version that is not spoken end the worker; a control plane that is down does not', async () => {
  const refused = await start();
  (await refused.control.session()).welcome({ version: 9 });
  await expect(refused.loop.closed).rejects.toMatchObject({ reason: 'VERSION_UNSUPPORTED' });

  const { control, loop, url } = await start();
  (await control.session()).welcome();
  await control.close();
  const again = new ScriptedControl(control.keys);
  stopLater(() => again.close());
  again.refuse = new ConnectError('no', Code.Unauthenticated);
  await again.listen(Number(new URL(url).port));
  await expect(loop.closed).rejects.toMatchObject({ code: 'unauthenticated' });
});
