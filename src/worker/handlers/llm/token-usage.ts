// What tokens come to in usage and money. Pure.
import { create } from '@bufbuild/protobuf';
import { type Usage, UsageSchema } from '../../../../gen/bowline/run/v1/run_pb.ts';
import { countOf } from '../../../base/count.ts';
import { MAX_COST_MICROS } from '../../../contract/usage.ts';

/** Millionths of the currency per token, that is: the price of a million tokens. */
export interface TokenPrice {
  readonly input: number;
  readonly output: number;
  /** Default: as other input. */
  readonly cachedInput?: number;
}

export interface TokenCount {
  /** With those from a cache. */
  readonly input: number;
  readonly output: number;
  readonly cached?: number;
}

/** Money is rounded up; without a price it is 0. Counts that make no sense count as 0, none is beyond belief, and the cache never holds more than was read. */
export function tokenUsage(count: TokenCount, price?: TokenPrice): Usage {
  const [input, output] = [countOf(count.input) ?? 0, countOf(count.output) ?? 0];
  const cached = Math.min(countOf(count.cached) ?? 0, input);
  const cost = price
    ? (input - cached) * price.input + cached * (price.cachedInput ?? price.input) + output * price.output
    : 0;
  return create(UsageSchema, {
    inputTokens: BigInt(input),
    outputTokens: BigInt(output),
    cachedInputTokens: BigInt(cached),
    costMicros: BigInt(countOf(Math.ceil(cost), MAX_COST_MICROS) ?? 0),
  });
}
