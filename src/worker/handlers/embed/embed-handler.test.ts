// The capability as a job meets it: choice of the model, cache, what a result declares, usage, and that tenants never meet.
import { create, type MessageInitShape, toBinary } from '@bufbuild/protobuf';
import fc from 'fast-check';
import { afterEach, beforeEach, expect, test } from 'vitest';
import {
  EmbedRequestSchema,
  type EmbedResponse,
  EmbedResponseSchema,
  EmbedService,
  Purpose,
} from '../../../../gen/bowline/capability/embed/v1/embed_pb.ts';
import type { UsageSchema } from '../../../../gen/bowline/run/v1/run_pb.ts';
import { FakeEmbeddings, vectorOf } from '../../../../test/support/fake-embeddings.ts';
import { fail } from '../../../../test/support/fake-provider.ts';
import { systemClock } from '../../../base/clock.ts';
import { AppError } from '../../../base/errors.ts';
import { validate } from '../../../contract/validate.ts';
import type { HandlerContext } from '../../kit/handler.ts';
import { loneContext } from '../../kit/lone-context.ts';
import { embedHandler } from './embed-handler.ts';
import { EMBED_DEFAULTS } from './embed-settings.ts';
import { lexicalEmbedder } from './lexical/lexical-embedder.ts';
import { lexicalVector } from './lexical/lexical-vector.ts';
import { providerEmbedder } from './providers/provider-embedder.ts';
import { unitVector } from './unit-vector.ts';

let server: FakeEmbeddings;
let url: string;
beforeEach(async () => {
  server = new FakeEmbeddings({ dimension: 8 });
  url = await server.listen();
});
afterEach(() => server.close());

function rig(cacheBytes = 1 << 20) {
  const provided = (name: string, dimension: number, shorten = false) =>
    providerEmbedder(
      { name, provider: 'openai-compatible', model: 'm', dimension, shorten, baseUrl: url, price: 2 },
      EMBED_DEFAULTS,
      systemClock,
    );
  const embedders = new Map([
    ['lexical', lexicalEmbedder],
    ['house', provided('house', 8)],
    ['small', provided('small', 4, true)],
    ['huge', provided('huge', 8192)],
  ]);
  const handler = embedHandler({ defaultModel: 'lexical', embedders }, { clock: systemClock, cacheBytes });
  const call = (
    texts: readonly string[],
    {
      model = '',
      purpose = Purpose.DOCUMENT as Purpose,
      ...context
    }: Partial<HandlerContext> & {
      model?: string;
      purpose?: Purpose;
    } = {},
  ): Promise<EmbedResponse> => {
    const request = create(EmbedRequestSchema, { texts: [...texts], model, purpose });
    return handler.methods.Embed!(request, loneContext({ tenant: 't', ...context })) as Promise<EmbedResponse>;
  };
  return { handler, call };
}

const values = ({ vectors }: EmbedResponse) => vectors.map((vector) => Float32Array.from(vector.values));
const unit = (text: string, dimension = 8) => unitVector(vectorOf(text, dimension), dimension, 'm');

test('without a choice the lexical model answers, and says that it is lexical', async () => {
  const response = await rig().call(['产品发布日期', 'launch date', 'launch date']);
  expect(values(response)).toEqual(['产品发布日期', 'launch date', 'launch date'].map(lexicalVector));
  expect(response).toMatchObject({
    model: 'lexical/char-ngrams-1024-v1',
    dimension: 1024,
    lexical: true,
    truncated: 0,
    cached: 0,
    usage: { inputTokens: 0n, costMicros: 0n },
  });
  validate(EmbedResponseSchema, response);
});

test('a provider: its own vectors, its id, its usage with the price; the same text twice is sent once', async () => {
  const { call } = rig();
  const reported: MessageInitShape<typeof UsageSchema>[] = [];
  const response = await call(['a', 'b', 'a'], { model: 'house', report: (usage) => reported.push(usage) });
  expect(values(response)).toEqual(['a', 'b', 'a'].map((text) => unit(text)));
  expect(response).toMatchObject({ model: 'house/m-8', dimension: 8, lexical: false });
  expect(response.usage).toMatchObject({ inputTokens: 20n, costMicros: 40n });
  expect(reported).toMatchObject([{ inputTokens: 20n, costMicros: 40n, model: { provider: 'house', name: 'm' } }]);
  expect(server.batches).toEqual([['a', 'b']]);
});

test('jobs at the same time share one request, and its cost', async () => {
  const { call } = rig();
  const all = await Promise.all(['a', 'b', 'c'].map((text) => call([text], { model: 'house' })));
  expect(server.batches).toEqual([['a', 'b', 'c']]);
  expect(all.map(({ usage }) => usage?.inputTokens)).toEqual([10n, 10n, 10n]);
});

test('what is known comes from the cache, without usage, also after a failure of the rest', async () => {
  const { call } = rig();
  await call(['a'], { model: 'house' });
  const again = await call(['a'], { model: 'house' });
  expect(again).toMatchObject({ cached: 1, usage: { inputTokens: 0n, costMicros: 0n } });
  expect(values(again)).toEqual([unit('a')]);
  const some = await call(['b', 'a'], { model: 'house' });
  expect(some.cached).toBe(1);
  expect(values(some)).toEqual([unit('b'), unit('a')]);
  expect(server.batches).toEqual([['a'], ['b']]);
  const { call: uncached } = rig(0);
  await uncached(['a'], { model: 'house' });
  expect((await uncached(['a'], { model: 'house' })).cached).toBe(0);
});

test('the cache has a bound: what is longest unused goes', async () => {
  const { call } = rig(3 * 600);
  for (const text of ['a', 'b', 'c', 'd', 'e']) await call([text], { model: 'house' });
  expect((await call(['e'], { model: 'house' })).cached).toBe(1);
  expect((await call(['a'], { model: 'house' })).cached).toBe(0);
});

test('no tenant, model or purpose ever gets what another made, in whatever order they ask', async () => {
  const ask = fc.record({
    tenant: fc.constantFrom('t', 'u', 't"'),
    model: fc.constantFrom('house', 'small', 'lexical'),
    purpose: fc.constantFrom(Purpose.DOCUMENT, Purpose.QUERY),
    text: fc.constantFrom('a', 'b', '绳'),
  });
  await fc.assert(
    fc.asyncProperty(fc.array(ask, { minLength: 1, maxLength: 12 }), async (asks) => {
      const { call } = rig();
      const known = new Set<string>();
      for (const one of asks) {
        const { text, ...where } = one;
        const key = JSON.stringify(one);
        const response = await call([text], where);
        expect(response.cached).toBe(known.has(key) ? 1 : 0);
        known.add(key);
        const expected = { house: () => unit(text), small: () => unit(text, 4), lexical: () => lexicalVector(text) };
        expect(values(response)).toEqual([expected[where.model]()]);
      }
    }),
    { numRuns: 15 },
  );
});

test('a text that is too long is cut and counted', async () => {
  const { call } = rig();
  const response = await call(['字'.repeat(20_000), 'short'], { model: 'house' });
  expect(response.truncated).toBe(1);
  expect(server.batches[0]?.[0]?.length).toBeLessThan(8191);
});

test('a bad text of one job fails that job and no other; what it used until then is told', async () => {
  const { call } = rig();
  server.instead = (texts) =>
    texts.includes('bad') ? fail(400, { error: { type: 'invalid_request_error' } }) : undefined;
  const [bad, good] = await Promise.allSettled([call(['bad'], { model: 'house' }), call(['good'], { model: 'house' })]);
  expect(bad).toMatchObject({ status: 'rejected', reason: { reason: 'PROVIDER_REFUSED' } });
  expect(good.status).toBe('fulfilled');
  server.instead = (texts) => (texts.length < 96 ? fail(429, {}) : undefined);
  const reported: MessageInitShape<typeof UsageSchema>[] = [];
  const many = Array.from({ length: 100 }, (_, at) => `text ${at}`);
  const failing = call(many, { model: 'house', report: (usage) => reported.push(usage) });
  await expect(failing).rejects.toMatchObject({ reason: 'PROVIDER_RATE_LIMITED' });
  expect(reported).toMatchObject([{ inputTokens: expect.any(BigInt), costMicros: expect.any(BigInt) }]);
  expect(reported[0]?.inputTokens).toBeGreaterThan(0n);
  server.instead = () => undefined;
});

test('a cancel ends the job with its reason', async () => {
  const { call } = rig();
  server.instead = () => () => {};
  const abort = new AbortController();
  const work = call(['a'], { model: 'house', signal: abort.signal });
  work.catch(() => {});
  await server.provider.until(() => server.provider.requests.length === 1);
  abort.abort(new AppError('CANCELED'));
  await expect(work).rejects.toMatchObject({ reason: 'CANCELED' });
});

test('an unknown model, and more vectors than a result holds, are refused before anything is sent', async () => {
  const { call } = rig();
  await expect(call(['a'], { model: 'nope' })).rejects.toMatchObject({ reason: 'MODEL_UNKNOWN' });
  const texts = Array.from({ length: 256 }, (_, at) => String(at));
  await expect(call(texts, { model: 'huge' })).rejects.toThrow(/at most 126 at once/);
  expect(server.provider.requests).toHaveLength(0);
  expect(toBinary(EmbedResponseSchema, await call(texts)).length).toBeLessThan(4 << 20);
});

test('the contract takes no empty text', () => {
  const refused = () => validate(EmbedService.method.embed.input, create(EmbedRequestSchema, { texts: [''] }));
  expect(refused).toThrow(expect.objectContaining({ reason: 'INVALID_ARGUMENT' }));
});
