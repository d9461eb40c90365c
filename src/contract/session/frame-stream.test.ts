import { expect, test } from 'vitest';
import { FrameStream } from './frame-stream.ts';
import { FrameCounter } from './frames.ts';

const make = (more: { maxFrames?: number; maxBytes?: number; onBurst?: () => void } = {}) =>
  new FrameStream<string>(new FrameCounter(), { maxFrames: 10, ...more });

async function all(stream: FrameStream<string>): Promise<string[]> {
  const read: string[] = [];
  for await (const { header, frame } of stream.frames()) read.push(`${header.seq} ${frame}`);
  return read;
}

test('frames are numbered in order; what is queued comes before what is pulled', async () => {
  const stream = make();
  const more = ['c', 'd'];
  stream.send('a');
  stream.send('b');
  stream.pullFrom(() => more.shift() ?? void stream.end());
  expect(await all(stream)).toEqual(['1 a', '2 b', '3 c', '4 d']);
  expect(stream.drained).toBe(true);
});

test('a reader that waits is woken by a frame, by news for the puller and by the end', async () => {
  const stream = make();
  const pulled: string[] = [];
  stream.pullFrom(() => pulled.shift());
  const frames = stream.frames();
  const first = frames.next();
  stream.send('a');
  expect((await first).value?.frame).toBe('a');
  const second = frames.next();
  pulled.push('b');
  stream.wake();
  expect((await second).value?.frame).toBe('b');
  const third = frames.next();
  stream.end();
  expect((await third).done).toBe(true);
});

test('an end lets the queue out, an end with an error does not', async () => {
  const orderly = make();
  orderly.send('last');
  orderly.end();
  expect(await all(orderly)).toEqual(['1 last']);
  const broken = make();
  broken.send('never');
  broken.end(new Error('broken'));
  await expect(all(broken)).rejects.toThrow('broken');
});

test('too many frames, or too many bytes, end the stream with the limit; offering more is harmless, sending throws CLOSED', async () => {
  const frames = make({ maxFrames: 2 });
  expect([frames.offer('a'), frames.offer('b'), frames.offer('c'), frames.offer('d')]).toEqual([
    true,
    true,
    false,
    false,
  ]);
  expect(() => frames.send('e')).toThrow('closed');
  await expect(all(frames)).rejects.toMatchObject({ reason: 'LIMIT_EXCEEDED', metadata: { limit: '2' } });

  const bytes = make({ maxBytes: 100 });
  // One frame may always wait, however large.
  expect(bytes.offer('large', 500)).toBe(true);
  expect(bytes.offer('small', 1)).toBe(false);
  await expect(all(bytes)).rejects.toMatchObject({ reason: 'LIMIT_EXCEEDED', metadata: { limit: '100' } });
});

test('bytes that were read make room for others', async () => {
  const stream = make({ maxBytes: 100 });
  const frames = stream.frames();
  for (let i = 0; i < 10; i++) {
    stream.send(`${i}`, 90);
    expect((await frames.next()).value?.frame).toBe(`${i}`);
  }
});

test('its end is told once, also to those who ask later, whether or not anybody reads', () => {
  const stream = make();
  const told: string[] = [];
  stream.onEnd(() => told.push('before'));
  stream.end();
  stream.end(new Error('too late'));
  stream.onEnd(() => told.push('after'));
  expect(told).toEqual(['before', 'after']);
});

test('whoever hears of a number hears it before the frame is read', async () => {
  const numbered: string[] = [];
  const stream = new FrameStream<string>(new FrameCounter(), {
    maxFrames: 10,
    onSent: (body, seq) => numbered.push(`${seq} ${body}`),
  });
  stream.send('a');
  stream.send('b');
  const frames = stream.frames();
  await frames.next();
  expect(numbered).toEqual(['1 a']);
  await frames.next();
  expect(numbered).toEqual(['1 a', '2 b']);
});

test('a burst is told once, before its first frame, however many frames follow without a pause', async () => {
  const told: string[] = [];
  const stream = make({ onBurst: () => told.push('burst') });
  const frames = stream.frames();
  const next = async () => told.push((await frames.next()).value?.frame ?? 'end');
  stream.send('a');
  stream.send('b');
  await next();
  await next();
  const third = next();
  stream.send('c');
  await third;
  expect(told).toEqual(['burst', 'a', 'b', 'burst', 'c']);
});
