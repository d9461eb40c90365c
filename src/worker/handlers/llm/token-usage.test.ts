// Usage in tokens and money.
import { expect, test } from 'vitest';
import { tokenUsage } from './token-usage.ts';

test('money is rounded up, what came from a cache has its own price, and a cache holds no more than was read', () => {
  const price = { input: 3, output: 15, cachedInput: 0.3 };
  expect(tokenUsage({ input: 100, output: 10, cached: 41 }, price).costMicros).toBe(340n);
  expect(tokenUsage({ input: 100, output: 10, cached: 500 }, price)).toMatchObject({
    cachedInputTokens: 100n,
    costMicros: 180n,
  });
  expect(tokenUsage({ input: 100, output: 10, cached: 41 }, { input: 3, output: 15 }).costMicros).toBe(450n);
});

test('without a price it costs nothing, and counts that make no sense are none', () => {
  expect(tokenUsage({ input: 100, output: 10 }).costMicros).toBe(0n);
  expect(tokenUsage({ input: Number.NaN, output: -4 }, { input: 1, output: 1 })).toMatchObject({
    inputTokens: 0n,
    outputTokens: 0n,
    costMicros: 0n,
  });
});
