// The GGUF embedder over a model that counts each code point as a token: loading, cutting, turns, cancel and close.
import { expect, test } from 'vitest';
import { Purpose } from '../../../../../gen/bowline/capability/embed/v1/embed_pb.ts';
import { AppError } from '../../../../base/errors.ts';
import { ggufEmbedder } from './gguf-embedder.ts';
import type { GgufModel } from './gguf-model.ts';

function rig(more: Partial<GgufModel> = {}) {
  const seen = { loads: 0, atOnce: 0, most: 0, texts: [] as string[], closed: false };
  const model: GgufModel = {
    dimension: 2,
    maxTokens: 12,
    countTokens: (text) => Array.from(text).length,
    embed: async (text) => {
      seen.texts.push(text);
      seen.most = Math.max(seen.most, ++seen.atOnce);
      await Promise.resolve();
      seen.atOnce--;
      return [3 * text.length, 4 * text.length];
    },
    close: async () => {
      seen.closed = true;
    },
    ...more,
  };
  const settings = { name: 'mine', model: 'tiny.gguf', dimension: 2, queryPrefix: 'q: ', documentPrefix: 'doc: ' };
  const embedder = ggufEmbedder(settings, async () => {
    if (seen.loads++ === 0 && more.maxTokens === 0)
      throw new AppError('PROVIDER_UNAVAILABLE', { provider: 'mine', problem: 'it is gone' });
    return model;
  });
  return { seen, embedder, signal: new AbortController().signal };
}

test('a file is loaded once, at the first text; a load that fails is tried again', async () => {
  const { seen, embedder } = rig();
  expect(seen.loads).toBe(0);
  await Promise.all([embedder.fit('a'), embedder.fit('b')]);
  expect(seen.loads).toBe(1);
  const { embedder: later, signal } = rig({ maxTokens: 0 });
  await expect(later.embed(['a'], Purpose.QUERY, signal)).rejects.toMatchObject({ reason: 'PROVIDER_UNAVAILABLE' });
  expect((await later.embed(['a'], Purpose.QUERY, signal)).vectors).toHaveLength(1);
});

test('vectors have length 1, prefixes go by purpose, tokens are counted', async () => {
  const { seen, embedder, signal } = rig();
  const { vectors, tokens } = await embedder.embed(['绳', 'b'], Purpose.QUERY, signal);
  expect(vectors.map((vector) => [...vector].map((value) => value.toFixed(2)))).toEqual([
    ['0.60', '0.80'],
    ['0.60', '0.80'],
  ]);
  expect(tokens).toBe(8);
  await embedder.embed(['c'], Purpose.DOCUMENT, signal);
  expect(seen.texts).toEqual(['q: 绳', 'q: b', 'doc: c']);
});

test('a text is cut to what fits with the longer prefix, between two code points', async () => {
  const { embedder } = rig();
  expect(await embedder.fit('1234567')).toBe('1234567');
  expect(await embedder.fit('😀'.repeat(9))).toBe('😀'.repeat(7));
});

test('jobs take turns text by text, and a cancelled one stops', async () => {
  const { seen, embedder } = rig();
  const abort = new AbortController();
  const work = embedder.embed(['a', 'b', 'c'], Purpose.DOCUMENT, abort.signal);
  const other = embedder.embed(['x', 'y'], Purpose.DOCUMENT, new AbortController().signal);
  while (seen.texts.length === 0) await Promise.resolve();
  abort.abort(new AppError('CANCELED'));
  await expect(work).rejects.toMatchObject({ reason: 'CANCELED' });
  expect((await other).vectors).toHaveLength(2);
  expect(seen.most).toBe(1);
  expect(seen.texts).not.toContain('doc: c');
});

test('another dimension than declared is an error, and closing closes the file', async () => {
  const { embedder, signal, seen } = rig({ embed: async () => [1, 2, 3] });
  await expect(embedder.embed(['a'], Purpose.QUERY, signal)).rejects.toMatchObject({ reason: 'DIMENSION_WRONG' });
  await embedder.close?.();
  expect(seen.closed).toBe(true);
});
