// The reader of a stream: it holds the stream when too much waits, tells an end from a break, and never loses what came before either.

import type { Http2Stream } from 'node:http2';
import { PassThrough } from 'node:stream';
import { create, fromBinary, toBinary } from '@bufbuild/protobuf';
import { expect, test } from 'vitest';
import { type Ping, PingSchema } from '../../../gen/bowline/common/v1/common_pb.ts';
import { isGone } from '../is-gone.ts';
import { FrameSplitter, framedMessage } from './grpc-framing.ts';
import { InboundFrames } from './inbound-frames.ts';

const ping = (nonce: number) => framedMessage(toBinary(PingSchema, create(PingSchema, { nonce: BigInt(nonce) })));

function reader() {
  const stream = new PassThrough({ highWaterMark: 1 << 20 });
  const splitter = new FrameSplitter({
    most: 1 << 20,
    tooLarge: () => new Error('too large'),
    packed: () => new Error('packed'),
  });
  const frames = new InboundFrames(stream as unknown as Http2Stream, splitter, (bytes) =>
    fromBinary(PingSchema, bytes),
  );
  return { stream, frames };
}

async function all(frames: AsyncIterable<Ping>): Promise<number[]> {
  const came: number[] = [];
  for await (const { nonce } of frames) came.push(Number(nonce));
  return came;
}

test('what came before the end is read before it', async () => {
  const { stream, frames } = reader();
  stream.write(ping(1));
  stream.write(Buffer.concat([ping(2), ping(3)]));
  stream.end();
  expect(await all(frames)).toEqual([1, 2, 3]);
});

test('a stream that is closed before its end, or ends within a frame, breaks what is awaited', async () => {
  for (const act of [(s: PassThrough) => s.destroy(), (s: PassThrough) => s.end(ping(300).subarray(0, 6))]) {
    const { stream, frames } = reader();
    stream.write(ping(1));
    expect((await frames.next()).done).toBe(false);
    const next = frames.next();
    act(stream);
    const why = await next.then(
      () => undefined,
      (error: unknown) => error,
    );
    expect(isGone(why)).toBe(true);
  }
});

test('more than may wait holds the stream until it is read', async () => {
  const { stream, frames } = reader();
  const count = 2_000;
  for (let at = 0; at < count; at++) stream.write(ping(at));
  stream.end();
  await expect.poll(() => stream.isPaused()).toBe(true);
  const held = stream.readableLength;
  expect(held).toBeGreaterThan(0);
  expect(await all(frames)).toEqual(Array.from({ length: count }, (_, at) => at));
});

test('what nobody reads any more is dropped, so that the stream comes to its end', async () => {
  const { stream, frames } = reader();
  for (let at = 0; at < 2_000; at++) stream.write(ping(at));
  await expect.poll(() => stream.isPaused()).toBe(true);
  await frames.return();
  stream.end();
  await expect.poll(() => stream.readableEnded).toBe(true);
  expect((await frames.next()).done).toBe(true);
});
