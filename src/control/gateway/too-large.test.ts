import { expect, test } from 'vitest';
import { ManualClock } from '../../../test/support/manual-clock.ts';
import { boundedBody } from './too-large.ts';

async function* dripping(pieces: number, bytes: number): AsyncGenerator<Uint8Array> {
  for (let n = 0; n < pieces; n++) yield new Uint8Array(bytes);
  await new Promise(() => {});
}

async function readAll(body: AsyncIterable<Uint8Array>): Promise<number> {
  let read = 0;
  for await (const piece of body) read += piece.length;
  return read;
}

test('a body that never ends is ended by its deadline, however it drips', async () => {
  const clock = new ManualClock();
  for (const pieces of [0, 1, 7]) {
    const bounds = { most: 1_000, enveloped: false, ms: 5_000, clock };
    const reading = readAll(boundedBody(dripping(pieces, 10), bounds));
    const judged = expect(reading).rejects.toThrow(/5000 ms without the end of the request/);
    for (let turn = 0; turn < 20; turn++) await Promise.resolve();
    clock.advance(5_000);
    await judged;
  }
});

test('a body that goes on behind its message is refused as soon as it is more than was said', async () => {
  const clock = new ManualClock();
  for (const enveloped of [true, false]) {
    const bounds = { most: 1_000, enveloped, ms: 5_000, clock };
    await expect(readAll(boundedBody(dripping(50, 100), bounds))).rejects.toThrow(/over the limit of 1000 bytes/);
  }
});
