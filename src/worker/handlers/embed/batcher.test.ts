// Texts of several jobs in one request: limits, order, fairness, and that nobody's trouble is another's.

import { create } from '@bufbuild/protobuf';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { Purpose } from '../../../../gen/bowline/capability/embed/v1/embed_pb.ts';
import { ModelInfoSchema } from '../../../../gen/bowline/common/v1/common_pb.ts';
import { ManualClock } from '../../../../test/support/manual-clock.ts';
import { AppError } from '../../../base/errors.ts';
import { Batcher } from './batcher.ts';
import type { BatchLimits, Embedder, EmbedderAnswer } from './embedder.ts';

const LIMITS: BatchLimits = { texts: 4, bytes: 100, waitMs: 5, parallel: 1 };

interface Request {
  readonly texts: readonly string[];
  readonly purpose: Purpose;
  readonly signal: AbortSignal;
  answer(result?: Error | EmbedderAnswer): void;
}

/** A vector that tells its text. */
const vectorOf = (text: string): Float32Array => Float32Array.from(Buffer.from(text));
const textOf = (vector: Float32Array): string => Buffer.from(Array.from(vector)).toString();

function rig(limits: Partial<BatchLimits> = {}) {
  const clock = new ManualClock();
  const requests: Request[] = [];
  const embedder: Embedder = {
    info: create(ModelInfoSchema),
    id: 'm',
    dimension: 1,
    lexical: false,
    price: 2,
    fit: (text) => text,
    embed: (texts, purpose, signal) =>
      new Promise((resolve, reject) => {
        signal.addEventListener('abort', () => reject(signal.reason), { once: true });
        const answer = (
          result: Error | EmbedderAnswer = { vectors: texts.map(vectorOf), tokens: texts.length * 10 },
        ) => (result instanceof Error ? reject(result) : resolve(result));
        requests.push({ texts, purpose, signal, answer });
      }),
  };
  const batcher = new Batcher(embedder, { ...LIMITS, ...limits }, clock);
  const order = (texts: readonly string[], purpose: Purpose = Purpose.DOCUMENT) => {
    const abort = new AbortController();
    const got: string[] = [];
    const spent = { tokens: 0, cost: 0 };
    const result = batcher.embed({
      texts,
      purpose,
      signal: abort.signal,
      onVector: (index, vector) => {
        got[index] = textOf(vector);
      },
      onUsage: (tokens, cost) => {
        spent.tokens += tokens;
        spent.cost += cost;
      },
    });
    result.catch(() => {});
    return { result, got, spent, cancel: () => abort.abort(new AppError('CANCELED')) };
  };
  return { clock, requests, order };
}

/** Lets promises that are settled run their course. */
const settle = async () => {
  for (let turn = 0; turn < 20; turn++) await Promise.resolve();
};
const badRequest = () =>
  new AppError('PROVIDER_REFUSED', { provider: 'p', problem: 'HTTP 400' }, { cause: { statusCode: 400 } });

test('what comes within the wait shares one request, and each gets its own back in its order', async () => {
  const { clock, requests, order } = rig();
  const [a, b] = [order(['a1', 'a2']), order(['b1'])];
  expect(requests).toHaveLength(0);
  clock.advance(5);
  expect(requests.map(({ texts }) => texts)).toEqual([['a1', 'b1', 'a2']]);
  requests[0]!.answer();
  await Promise.all([a.result, b.result]);
  expect([a.got, b.got]).toEqual([['a1', 'a2'], ['b1']]);
  expect([a.spent, b.spent]).toEqual([
    { tokens: 20, cost: 40 },
    { tokens: 10, cost: 20 },
  ]);
});

test('a full batch leaves at once: by texts, and by bytes', async () => {
  const { requests, order } = rig({ parallel: 9 });
  order(['1', '2', '3', '4', '5']);
  expect(requests.map(({ texts }) => texts)).toEqual([['1', '2', '3', '4']]);
  order(['x'.repeat(60), 'y'.repeat(60), 'z'.repeat(300)], Purpose.QUERY);
  expect(requests.slice(1).map(({ texts }) => texts.map((text) => text.length))).toEqual([[60], [60], [300]]);
});

test('purposes never meet in one request', () => {
  const { clock, requests, order } = rig({ parallel: 9 });
  order(['d']);
  order(['q'], Purpose.QUERY);
  clock.advance(5);
  expect(requests.map(({ texts, purpose }) => [texts[0], purpose])).toEqual([
    ['d', Purpose.DOCUMENT],
    ['q', Purpose.QUERY],
  ]);
});

test('while all requests are under way others wait and make a fuller batch; a small job is not behind all of a big one', async () => {
  const { clock, requests, order } = rig();
  const big = order(Array.from({ length: 12 }, (_, at) => `big${at}`));
  const small = order(['small']);
  clock.advance(5);
  expect(requests).toHaveLength(1);
  requests[0]!.answer();
  await settle();
  expect(requests[1]!.texts).toContain('small');
  requests[1]!.answer();
  await small.result;
  while (requests.length < 4) {
    requests.at(-1)!.answer();
    await settle();
  }
  requests.at(-1)!.answer();
  await big.result;
  expect(big.got).toEqual(Array.from({ length: 12 }, (_, at) => `big${at}`));
});

test('a bad text of one job fails that job alone: each is tried again by itself', async () => {
  const { clock, requests, order } = rig();
  const [bad, good] = [order(['bad']), order(['good'])];
  clock.advance(5);
  requests[0]!.answer(badRequest());
  await settle();
  expect(requests[1]!.texts).toEqual(['bad']);
  requests[1]!.answer(badRequest());
  await expect(bad.result).rejects.toMatchObject({ reason: 'PROVIDER_REFUSED' });
  await settle();
  expect(requests[2]!.texts).toEqual(['good']);
  requests[2]!.answer();
  await good.result;
  expect(good.got).toEqual(['good']);
  expect(requests).toHaveLength(3);
});

test('what would meet every text alike is not tried again: all of the batch are told', async () => {
  const { clock, requests, order } = rig();
  const both = [order(['a']), order(['b'])];
  clock.advance(5);
  requests[0]!.answer(new AppError('PROVIDER_RATE_LIMITED', { provider: 'p', retryAfterMs: 7000 }));
  for (const { result } of both)
    await expect(result).rejects.toMatchObject({ reason: 'PROVIDER_RATE_LIMITED', metadata: { retryAfterMs: '7000' } });
  expect(requests).toHaveLength(1);
});

test('a cancel leaves the others alone, pays for what was sent, and ends a request that nobody waits for', async () => {
  const { clock, requests, order } = rig();
  const [a, b] = [order(['a long text of somebody']), order(['b'])];
  clock.advance(5);
  a.cancel();
  await expect(a.result).rejects.toMatchObject({ reason: 'CANCELED' });
  expect(a.spent.cost).toBeGreaterThan(0);
  expect(requests[0]!.signal.aborted).toBe(false);
  requests[0]!.answer();
  await b.result;
  expect(a.got).toEqual([]);
  const c = order(['c']);
  clock.advance(5);
  c.cancel();
  expect(requests[1]!.signal.aborted).toBe(true);
  const d = order(['d']);
  d.cancel();
  clock.advance(50);
  await settle();
  expect(requests).toHaveLength(2);
  expect(d.spent.cost).toBe(0);
});

test('in any mix of jobs, purposes, failures and cancels each job gets exactly its texts, or an error of its own', async () => {
  const job = fc.record({
    texts: fc.array(fc.string({ minLength: 1, maxLength: 40 }), { minLength: 1, maxLength: 12 }),
    query: fc.boolean(),
    bad: fc.boolean(),
    cancel: fc.boolean(),
  });
  await fc.assert(
    fc.asyncProperty(
      fc.array(job, { minLength: 1, maxLength: 8 }),
      fc.nat(3),
      fc.nat(9),
      async (jobs, parallel, wait) => {
        const { clock, requests, order } = rig({ parallel: parallel + 1 });
        const orders = jobs.map(({ texts, query, bad }, at) => {
          const own = texts.map((text, n) => `${bad && n === 0 ? 'BAD' : 'ok'} ${at} ${n} ${text}`);
          clock.advance(wait);
          return { own, ...order(own, query ? Purpose.QUERY : Purpose.DOCUMENT) };
        });
        for (const [at, { cancel }] of jobs.entries()) if (cancel) orders[at]!.cancel();
        for (let seen = 0; ; ) {
          await settle();
          clock.advance(5);
          await settle();
          if (seen === requests.length) break;
          const { texts, answer, purpose } = requests[seen++]!;
          for (const text of texts) expect(jobs[Number(text.split(' ')[1])]!.query).toBe(purpose === Purpose.QUERY);
          answer(texts.some((text) => text.startsWith('BAD')) ? badRequest() : undefined);
        }
        for (const [at, { result, own, got }] of orders.entries()) {
          const { bad, cancel } = jobs[at]!;
          if (cancel) await expect(result).rejects.toMatchObject({ reason: 'CANCELED' });
          else if (bad) await expect(result).rejects.toMatchObject({ reason: 'PROVIDER_REFUSED' });
          else {
            await result;
            expect(got).toEqual(own);
          }
        }
      },
    ),
  );
});
