// The built-in embedder beside its vectors: order, breaths between texts, and cancel.
import { setImmediate } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { Purpose } from '../../../../../gen/bowline/capability/embed/v1/embed_pb.ts';
import { AppError } from '../../../../base/errors.ts';
import { lexicalEmbedder } from './lexical-embedder.ts';
import { lexicalVector } from './lexical-vector.ts';

const BIG = Array.from({ length: 40 }, (_, at) => `text ${at} ${'lorem ipsum '.repeat(1000)}`);

test('vectors come in the order of the texts, and say that they are lexical and local', async () => {
  const texts = ['b', 'a', 'b'];
  const { vectors, tokens } = await lexicalEmbedder.embed(texts, Purpose.QUERY, new AbortController().signal);
  expect(vectors).toEqual(texts.map(lexicalVector));
  expect(tokens).toBe(0);
  expect(lexicalEmbedder).toMatchObject({ lexical: true, id: 'lexical/char-ngrams-1024-v1', info: { local: true } });
});

test('a big batch gives the event loop back between its texts', async () => {
  let turns = 0;
  let over = false;
  const work = lexicalEmbedder.embed(BIG, Purpose.DOCUMENT, new AbortController().signal).finally(() => {
    over = true;
  });
  while (!over) {
    await setImmediate();
    turns++;
  }
  await work;
  expect(turns).toBeGreaterThan(BIG.length / 3);
});

test('a cancel ends it between two texts', async () => {
  const abort = new AbortController();
  const work = lexicalEmbedder.embed(BIG, Purpose.DOCUMENT, abort.signal);
  await setImmediate();
  abort.abort(new AppError('CANCELED'));
  await expect(work).rejects.toMatchObject({ reason: 'CANCELED' });
});
