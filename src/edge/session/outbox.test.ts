import { create } from '@bufbuild/protobuf';
import { expect, test } from 'vitest';
import { PingSchema } from '../../../gen/bowline/common/v1/common_pb.ts';
import { ToolProgressSchema } from '../../../gen/bowline/edge/v1/edge_pb.ts';
import { type FrameBody, Outbox } from './outbox.ts';

const ping = (nonce: number): FrameBody => ({ case: 'ping', value: create(PingSchema, { nonce: BigInt(nonce) }) });
const progress = (index: number): FrameBody => ({
  case: 'toolProgress',
  value: create(ToolProgressSchema, { index: BigInt(index) }),
});

test('bulk frames wait for room; urgent ones overtake them', async () => {
  const outbox = new Outbox(1);
  expect(await outbox.push(progress(0))).toBe(true);
  let pushed = false;
  const waiting = outbox.push(progress(1)).then(() => {
    pushed = true;
  });
  outbox.urgent(ping(7));
  expect((await outbox.take())?.case).toBe('ping');
  expect(pushed).toBe(false);
  expect(await outbox.take()).toMatchObject({ value: { index: 0n } });
  await waiting;
  expect(await outbox.take()).toMatchObject({ value: { index: 1n } });
});

test('closing sends what waits and a last frame, and frees who waits for room', async () => {
  const outbox = new Outbox(1);
  await outbox.push(progress(0));
  const waiting = outbox.push(progress(1));
  outbox.close({ last: ping(9) });
  expect(await waiting).toBe(false);
  expect((await outbox.take())?.case).toBe('toolProgress');
  expect((await outbox.take())?.case).toBe('ping');
  expect(await outbox.take()).toBeUndefined();
  outbox.urgent(ping(1));
  expect(await outbox.push(progress(2))).toBe(false);
});

test('urgent frames that nobody reads have a bound', () => {
  const outbox = new Outbox(1);
  expect(() => {
    for (let i = 0; i < 5000; i++) outbox.urgent(ping(i));
  }).toThrow(expect.objectContaining({ reason: 'LIMIT_EXCEEDED' }));
});
