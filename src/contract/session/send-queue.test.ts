import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { FrameHeader } from '../../../gen/bowline/common/v1/common_pb.ts';
import { FrameCounter } from './frames.ts';
import { SendQueue, type SendQueueOptions } from './send-queue.ts';

interface Frame {
  header?: FrameHeader | undefined;
  readonly body: string;
}

function make(more: Partial<SendQueueOptions<string, Frame>> = {}) {
  const full: string[] = [];
  const queue: SendQueue<string, Frame> = new SendQueue<string, Frame>({
    counter: new FrameCounter(),
    maxFrames: 10,
    full: (what, limit) => {
      full.push(`${what} ${limit}`);
      queue.end(new Error(`too many ${what}`));
    },
    make: (body) => ({ body }),
    ...more,
  });
  return Object.assign(queue, { full });
}

async function all(queue: SendQueue<string, Frame>): Promise<string[]> {
  const read: string[] = [];
  for await (const { header, body } of queue.frames()) read.push(`${header?.seq} ${body}`);
  return read;
}

test('frames are numbered in order: the first, what is offered, what is pushed, what is pulled', async () => {
  const queue = make({ first: () => 'hello', maxPaced: 2 });
  const more = ['e', 'f'];
  await queue.push('c');
  await queue.push('d');
  queue.send('a');
  queue.send('b');
  queue.pullFrom(() => more.shift() ?? void queue.end());
  expect(await all(queue)).toEqual(['1 hello', '2 a', '3 b', '4 c', '5 d', '6 e', '7 f']);
  expect(queue.drained).toBe(true);
});

test('what makes no frame gets no number', async () => {
  const queue = make({ make: (body) => (body === 'never' ? undefined : { body }) });
  for (const body of ['a', 'never', 'b']) queue.send(body);
  queue.end();
  expect(await all(queue)).toEqual(['1 a', '2 b']);
});

test('a reader that waits is woken by a frame, by a push, by news for the puller and by the end', async () => {
  const queue = make();
  const pulled: string[] = [];
  queue.pullFrom(() => pulled.shift());
  const frames = queue.frames();
  const next = async () => (await frames.next()).value?.body;
  let one = next();
  queue.send('a');
  expect(await one).toBe('a');
  one = next();
  pulled.push('b');
  queue.wake();
  expect(await one).toBe('b');
  one = next();
  expect(await queue.push('c')).toBe(true);
  expect(await one).toBe('c');
  one = next();
  queue.end();
  expect(await one).toBeUndefined();
});

test('an end lets out what waits and what the puller has; an end with an error does not, and nothing is added after either', async () => {
  const orderly = make({ maxPaced: 5 });
  const pulled = ['pulled'];
  orderly.send('offered');
  await orderly.push('pushed');
  orderly.pullFrom(() => pulled.shift());
  orderly.end();
  expect([orderly.offer('late'), await orderly.push('late')]).toEqual([false, false]);
  expect(await all(orderly)).toEqual(['1 offered', '2 pushed', '3 pulled']);
  const broken = make();
  broken.send('never');
  broken.end(new Error('broken'));
  await expect(all(broken)).rejects.toThrow('broken');
});

test('the last word comes after all that waits, however full its lane is, and frees who waits for room', async () => {
  const queue = make({ maxPaced: 1 });
  await queue.push('a');
  const waiting = queue.push('b');
  queue.pullFrom(() => 'never');
  queue.endWith('goodbye');
  expect(await waiting).toBe(false);
  expect(await all(queue)).toEqual(['1 a', '2 goodbye']);
});

test('what is abandoned says nothing more, not even its first word, and no error', async () => {
  const queue = make({ first: () => 'hello' });
  queue.send('a');
  queue.pullFrom(() => 'never');
  const ends: string[] = [];
  queue.onEnd(() => ends.push('end'));
  queue.abandon();
  expect(await all(queue)).toEqual([]);
  expect(ends).toEqual(['end']);
});

test('too many frames, or too many bytes, end the session with the limit; offering more is harmless, sending throws CLOSED', async () => {
  const frames = make({ maxFrames: 2 });
  expect(['a', 'b', 'c', 'd'].map((each) => frames.offer(each))).toEqual([true, true, false, false]);
  expect(() => frames.send('e')).toThrow('closed');
  expect(frames.full).toEqual(['frames 2']);
  await expect(all(frames)).rejects.toThrow('too many frames');

  const bytes = make({ maxBytes: 100 });
  // One frame may always wait, however large.
  expect(bytes.offer('large', 500)).toBe(true);
  expect(bytes.offer('small', 1)).toBe(false);
  await expect(all(bytes)).rejects.toThrow('too many bytes');

  // Whoever is told and does not end it gets no hole in what was said.
  const careless = make({ maxFrames: 1, full: () => {} });
  expect([careless.offer('a'), careless.offer('b'), careless.ended]).toEqual([true, false, true]);
  expect(await all(careless)).toEqual([]);
});

test('bytes that were read make room for others', async () => {
  const queue = make({ maxBytes: 100 });
  const frames = queue.frames();
  for (let i = 0; i < 10; i++) {
    queue.send(`${i}`, 90);
    expect((await frames.next()).value?.body).toBe(`${i}`);
  }
});

test('its end is told once, also to those who ask later, whether or not anybody reads', () => {
  const queue = make();
  const told: string[] = [];
  queue.onEnd(() => told.push('before'));
  queue.end();
  queue.end(new Error('too late'));
  queue.onEnd(() => told.push('after'));
  expect(told).toEqual(['before', 'after']);
});

test('whoever hears of a number hears it before the frame is read', async () => {
  const numbered: string[] = [];
  const queue = make({ onSent: ({ body }, seq) => numbered.push(`${seq} ${body}`) });
  queue.send('a');
  queue.send('b');
  const frames = queue.frames();
  await frames.next();
  expect(numbered).toEqual(['1 a']);
  await frames.next();
  expect(numbered).toEqual(['1 a', '2 b']);
});

test('a burst is told once, before its first frame, however many frames follow without a pause', async () => {
  const told: string[] = [];
  const queue = make({ onBurst: () => told.push('burst') });
  const frames = queue.frames();
  const next = async () => told.push((await frames.next()).value?.body ?? 'end');
  queue.send('a');
  queue.send('b');
  await next();
  await next();
  const third = next();
  queue.send('c');
  await third;
  expect(told).toEqual(['burst', 'a', 'b', 'burst', 'c']);
});

test('however writers and a reader take turns: all that is pushed comes once and in order, and its lane never holds more than it may', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.integer({ min: 1, max: 4 }),
      fc.array(fc.constantFrom('push', 'offer', 'read'), { minLength: 1, maxLength: 60 }),
      async (maxPaced, turns) => {
        const queue = make({ maxPaced, maxFrames: 1_000 });
        const frames = queue.frames();
        const pushes: Promise<boolean>[] = [];
        const read: string[] = [];
        let accepted = 0;
        let offered = 0;
        for (const turn of turns) {
          if (turn === 'push') {
            const pushed = queue.push(`p${pushes.length}`);
            void pushed.then(() => accepted++);
            pushes.push(pushed);
          } else if (turn === 'offer') queue.offer(`o${offered++}`);
          else if (read.length < pushes.length + offered) read.push((await frames.next()).value?.body ?? 'end');
          await Promise.resolve();
          await Promise.resolve();
          const pushedRead = read.filter((each) => each.startsWith('p')).length;
          expect(accepted - pushedRead).toBeLessThanOrEqual(maxPaced);
        }
        while (read.length < pushes.length + offered) read.push((await frames.next()).value?.body ?? 'end');
        expect(await Promise.all(pushes)).toEqual(pushes.map(() => true));
        expect(read.filter((each) => each.startsWith('p'))).toEqual(pushes.map((_, i) => `p${i}`));
        expect(read.filter((each) => each.startsWith('o'))).toEqual(Array.from({ length: offered }, (_, i) => `o${i}`));
      },
    ),
    { numRuns: 200 },
  );
});
