import { expect, test } from 'vitest';
import { OwnerStreams } from './owner-streams.ts';

const signalOf = () => new AbortController();
const refused = expect.objectContaining({
  reason: 'LIMIT_EXCEEDED',
  message: expect.stringMatching(/limit of 2; raise BOWLINE_MAX_OWNER_STREAMS/),
});

test('a key has as many streams as it may; one that is over makes room, and other keys have their own', () => {
  const streams = new OwnerStreams(2);
  const [one, two] = [signalOf(), signalOf()];
  streams.enter('mine', one.signal);
  streams.enter('mine', two.signal);
  expect(() => streams.enter('mine', signalOf().signal)).toThrow(refused);
  streams.enter('theirs', signalOf().signal);
  one.abort();
  one.abort();
  streams.enter('mine', signalOf().signal);
  expect(() => streams.enter('mine', signalOf().signal)).toThrow(refused);
  expect(streams.keys()).toEqual(['mine', 'theirs']);
});

test('one that was over when it came holds nothing', () => {
  const streams = new OwnerStreams(2);
  for (let i = 0; i < 5; i++) streams.enter('mine', AbortSignal.abort());
  expect(streams.keys()).toEqual([]);
});

test('a stream whose key ended before its first message says so', async () => {
  const streams = new OwnerStreams(2);
  const standing = streams.enter('mine', signalOf().signal);
  streams.end('mine');
  const messages = standing(
    (async function* () {
      yield 1;
    })(),
  );
  await expect(messages[Symbol.asyncIterator]().next()).rejects.toMatchObject({ reason: 'OWNER_KEY_ENDED' });
});
