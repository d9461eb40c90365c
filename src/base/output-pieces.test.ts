import { expect, test } from 'vitest';
import { ManualClock } from '../../test/support/manual-clock.ts';
import { OutputPieces } from './output-pieces.ts';

const bytes = (text: string) => Buffer.from(text);
const RULES = { waitMs: 25, inOrder: false };

test('what comes within a moment is one piece for each stream', async () => {
  const clock = new ManualClock();
  const pieces = new OutputPieces(clock, RULES);
  const reading = pieces[Symbol.asyncIterator]();
  const first = reading.next();
  for (const word of ['a', 'b', 'c']) {
    pieces.add('stdout', bytes(word));
    pieces.add('stderr', bytes(word.toUpperCase()));
  }
  await Promise.resolve();
  clock.advance(25);
  expect(await first).toEqual({ done: false, value: { stream: 'stdout', data: bytes('abc') } });
  expect((await reading.next()).value).toEqual({ stream: 'stderr', data: bytes('ABC') });
});

test('where the order counts, a piece ends when the other stream speaks', async () => {
  const pieces = new OutputPieces(new ManualClock(), { waitMs: 25, inOrder: true });
  for (const [stream, text] of [
    ['stdout', 'a'],
    ['stdout', 'b'],
    ['stderr', 'E'],
    ['stdout', 'c'],
  ] as const)
    pieces.add(stream, bytes(text));
  pieces.end();
  const read: string[] = [];
  for await (const { stream, data } of pieces) read.push(`${stream} ${data}`);
  expect(read).toEqual(['stdout ab', 'stderr E', 'stdout c']);
});

test('a large piece waits for nobody and grows no further, and the end waits neither', async () => {
  const pieces = new OutputPieces(new ManualClock(), RULES);
  const reading = pieces[Symbol.asyncIterator]();
  const first = reading.next();
  pieces.add('stdout', bytes('x'));
  await Promise.resolve();
  await Promise.resolve();
  pieces.add('stdout', Buffer.alloc(32 << 10));
  pieces.add('stdout', Buffer.alloc(32 << 10));
  expect((await first).value?.data).toHaveLength((32 << 10) + 1);
  expect((await reading.next()).value?.data).toHaveLength(32 << 10);
  pieces.add('stdout', bytes('last'));
  const last = reading.next();
  pieces.end();
  expect((await last).value).toEqual({ stream: 'stdout', data: bytes('last') });
  expect((await reading.next()).done).toBe(true);
});
