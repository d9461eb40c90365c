import { expect, test } from 'vitest';
import { ManualClock } from '../../../../test/support/manual-clock.ts';
import { OutputPieces } from './output-pieces.ts';

const bytes = (text: string) => Buffer.from(text);

test('what comes within a moment is one piece for each stream', async () => {
  const clock = new ManualClock();
  const pieces = new OutputPieces(clock);
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

test('a large piece waits for nobody, and the end neither', async () => {
  const pieces = new OutputPieces(new ManualClock());
  const reading = pieces[Symbol.asyncIterator]();
  pieces.add('stdout', Buffer.alloc(32 << 10));
  expect((await reading.next()).value?.data).toHaveLength(32 << 10);
  pieces.add('stdout', bytes('last'));
  const last = reading.next();
  pieces.end();
  expect((await last).value).toEqual({ stream: 'stdout', data: bytes('last') });
  expect((await reading.next()).done).toBe(true);
});
