// The provider's embedder against a server on loopback that enforces the public schema: what is sent, and every way to fail.
import { afterEach, beforeEach, expect, test } from 'vitest';
import { Purpose } from '../../../../../gen/bowline/capability/embed/v1/embed_pb.ts';
import { answerWith, embeddingsBody, FakeEmbeddings, vectorOf } from '../../../../../test/support/fake-embeddings.ts';
import { fail, type Reply } from '../../../../../test/support/fake-provider.ts';
import { systemClock } from '../../../../base/clock.ts';
import { AppError } from '../../../../base/errors.ts';
import { Secret } from '../../../../base/secret.ts';
import { EMBED_DEFAULTS, type EmbedSettings } from '../embed-settings.ts';
import { unitVector } from '../unit-vector.ts';
import type { EmbedderSettings } from './embedder-settings.ts';
import { providerEmbedder } from './provider-embedder.ts';

const KEY = 'sk-very-secret';
const DIMENSION = 8;
let server: FakeEmbeddings;
let url: string;
beforeEach(async () => {
  server = new FakeEmbeddings({ dimension: DIMENSION });
  url = await server.listen();
});
afterEach(() => server.close());

const embedder = (settings: Partial<EmbedderSettings> = {}, limits: Partial<EmbedSettings> = {}) =>
  providerEmbedder(
    {
      name: 'house',
      provider: 'openai-compatible',
      model: 'm',
      dimension: DIMENSION,
      baseUrl: url,
      key: () => new Secret(KEY),
      ...settings,
    },
    { ...EMBED_DEFAULTS, ...limits },
    systemClock,
  );

const embed = (
  texts: readonly string[],
  settings: Partial<EmbedderSettings> = {},
  { purpose = Purpose.DOCUMENT as Purpose, signal = new AbortController().signal, requestMs = 5000 } = {},
) => embedder(settings, { requestMs }).embed(texts, purpose, signal);

const unit = (text: string) => unitVector(vectorOf(text, DIMENSION), DIMENSION, 'm');

async function failure(reply: Reply, settings: Partial<EmbedderSettings> = {}): Promise<AppError> {
  server.instead = () => reply;
  const error = await embed(['a', 'b'], settings).catch((error: unknown) => error);
  if (error instanceof AppError) return error;
  throw new Error('it did not fail');
}

test('vectors of length 1 in the order of the texts, with the tokens that the provider counted', async () => {
  const { vectors, tokens } = await embed(['one', '二', 'three 😀']);
  expect(vectors).toEqual(['one', '二', 'three 😀'].map(unit));
  expect(tokens).toBe(30);
  const [sent] = server.provider.requests;
  expect(sent?.headers.authorization).toBe(`Bearer ${KEY}`);
  expect(sent?.body).toEqual({ model: 'm', input: ['one', '二', 'three 😀'], encoding_format: 'float' });
});

test('the real provider of OpenAI is asked in the same way, and needs a key', async () => {
  const { vectors } = await embed(['a'], { provider: 'openai', shorten: true });
  expect(vectors).toEqual([unit('a')]);
  expect(server.provider.requests[0]?.body).toMatchObject({ dimensions: DIMENSION });
  await expect(embed(['a'], { provider: 'openai', key: () => undefined })).rejects.toMatchObject({
    reason: 'PROVIDER_KEY_MISSING',
  });
});

test('prefixes go before texts by their purpose, and make other vectors of another id', async () => {
  const prefixes = { queryPrefix: 'query: ', documentPrefix: 'passage: ' };
  await embed(['a'], prefixes, { purpose: Purpose.QUERY });
  await embed(['a'], prefixes);
  expect(server.batches).toEqual([['query: a'], ['passage: a']]);
  const ids = [{}, prefixes, { version: 'v2' }, { dimension: 4 }, { model: 'n' }, { name: 'other' }].map(
    (more) => embedder(more).id,
  );
  expect(ids[0]).toBe('house/m-8');
  expect(new Set(ids).size).toBe(ids.length);
});

test('an answer in another order is put right by its numbers; one that does not count through is refused', async () => {
  const body = embeddingsBody(['a', 'b'].map((text) => vectorOf(text, DIMENSION)));
  server.instead = () => answerWith({ ...body, data: [body.data[1], body.data[0]] });
  expect((await embed(['a', 'b'])).vectors).toEqual(['a', 'b'].map(unit));
  const twice = { ...body, data: [body.data[0], body.data[0]] };
  expect(await failure(answerWith(twice))).toMatchObject({ reason: 'MODEL_OUTPUT_INVALID' });
});

test('a model that is local is known as such by its address', () => {
  expect(embedder().info).toMatchObject({ provider: 'house', name: 'm', local: true });
  expect(embedder({ baseUrl: 'https://api.example.com/v1' }).info.local).toBe(false);
  expect(embedder({ provider: 'openai' }).info.provider).toBe('openai');
});

const json = (status: number, body: unknown = {}, headers: Record<string, string> = {}) => fail(status, body, headers);
const vectors = (...all: unknown[]) => answerWith(embeddingsBody(all));
const right = () => vectorOf('a', DIMENSION);
test.each<[string, () => Reply, string, object]>([
  ['429', () => json(429, {}, { 'retry-after': '7' }), 'PROVIDER_RATE_LIMITED', { metadata: { retryAfterMs: '7000' } }],
  ['500', () => json(500), 'PROVIDER_UNAVAILABLE', { retryable: true }],
  [
    '503 with Retry-After',
    () => json(503, {}, { 'retry-after': '3' }),
    'PROVIDER_UNAVAILABLE',
    { metadata: { retryAfterMs: '3000' } },
  ],
  ['401', () => json(401), 'PROVIDER_KEY_MISSING', { retryable: false }],
  ['404', () => json(404), 'PROVIDER_REFUSED', { retryable: false }],
  ['too long', () => json(400, { error: { message: 'maximum context length is 8192' } }), 'PROVIDER_REFUSED', {}],
  ['too few vectors', () => vectors(right()), 'MODEL_OUTPUT_INVALID', { retryable: true }],
  ['too many vectors', () => vectors(right(), right(), right()), 'MODEL_OUTPUT_INVALID', {}],
  ['another dimension', () => vectors([1, 2, 3], [1, 2, 3]), 'DIMENSION_WRONG', { retryable: false }],
  ['null in a vector', () => vectors(right(), [null, ...right().slice(1)]), 'MODEL_OUTPUT_INVALID', {}],
  ['NaN', () => answerWith('{"data":[{"embedding":[NaN]}]}'), 'MODEL_OUTPUT_INVALID', {}],
  [
    'a number beyond all',
    () => answerWith('{"data":[{"embedding":[1e999]},{"embedding":[1]}]}'),
    'MODEL_OUTPUT_INVALID',
    {},
  ],
  ['zeros', () => vectors(right(), new Array(DIMENSION).fill(0)), 'MODEL_OUTPUT_INVALID', {}],
  ['no JSON', () => answerWith('<html>hello</html>'), 'MODEL_OUTPUT_INVALID', {}],
  ['a JSON that is cut', () => answerWith('{"data":[{"embedd'), 'MODEL_OUTPUT_INVALID', {}],
])('%s', async (_what, reply, reason, more) => {
  const error = await failure(reply());
  expect(error).toMatchObject({ reason, ...more });
  expect(error.message).not.toContain(KEY);
  expect(server.provider.requests).toHaveLength(1);
});

test('a connection that breaks in the middle, and a server that is not there, are retryable', async () => {
  const cut: Reply = (response) => {
    response.writeHead(200, { 'content-type': 'application/json', 'content-length': '5000' });
    response.write('{"data":[');
    setImmediate(() => response.destroy());
  };
  expect(await failure(cut)).toMatchObject({ reason: 'PROVIDER_UNAVAILABLE', retryable: true });
  await server.close();
  await expect(embed(['a'])).rejects.toMatchObject({ reason: 'PROVIDER_UNAVAILABLE' });
});

test('an endless answer is cut off, and a redirect is not followed', async () => {
  const endless: Reply = (response) => {
    response.writeHead(200, { 'content-type': 'application/json' });
    const more = () => {
      if (!response.destroyed) response.write(' '.repeat(65_536), more);
    };
    more();
  };
  const error = await failure(endless);
  expect(error).toMatchObject({ reason: 'PROVIDER_UNAVAILABLE' });
  expect(error.message).toMatch(/more than \d+ bytes/);
  const elsewhere: Reply = (response) => {
    response.writeHead(307, { location: `${url}/elsewhere` }).end();
  };
  expect(await failure(elsewhere)).toMatchObject({ reason: 'PROVIDER_REFUSED', retryable: false });
  expect(server.provider.requests).toHaveLength(2);
});

test('a server that stays silent is given up, and a cancel ends the request', async () => {
  server.instead = () => () => {};
  await expect(embed(['a'], {}, { requestMs: 30 })).rejects.toMatchObject({
    reason: 'PROVIDER_UNAVAILABLE',
    message: expect.stringContaining('silent'),
  });
  const abort = new AbortController();
  const work = embed(['a'], {}, { signal: abort.signal });
  work.catch(() => {});
  await server.provider.until(() => server.provider.requests.length === 2);
  abort.abort(new AppError('CANCELED'));
  await expect(work).rejects.toMatchObject({ reason: 'CANCELED' });
  await server.provider.until(() => server.provider.requests.every(({ aborted }) => aborted));
});

test('a text is cut to what the model reads', async () => {
  const small = embedder({ maxInputTokens: 100 });
  expect(await small.fit('short')).toBe('short');
  expect((await small.fit('字'.repeat(1000))).length).toBeLessThan(100);
});
