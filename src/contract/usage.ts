// What a job used, as somebody else tells it: bounded before it is added up, stored or charged. Pure.
import { create } from '@bufbuild/protobuf';
import { type ModelInfo, ModelInfoSchema } from '../../gen/bowline/common/v1/common_pb.ts';
import { type Usage, UsageSchema } from '../../gen/bowline/run/v1/run_pb.ts';
import { MAX_COUNT } from '../base/count.ts';

/** Millionths of a currency for one job: a billion of it. */
export const MAX_COST_MICROS = 1e15;

/** The same usage with every number within its bound; a new message. */
export function boundedUsage(usage: Usage): Usage {
  const [tokens, cost] = [BigInt(MAX_COUNT), BigInt(MAX_COST_MICROS)];
  const inputTokens = within(usage.inputTokens, tokens);
  return create(UsageSchema, {
    inputTokens,
    outputTokens: within(usage.outputTokens, tokens),
    cachedInputTokens: within(usage.cachedInputTokens, inputTokens),
    costMicros: within(usage.costMicros, cost),
    estimated: usage.estimated,
    ...(usage.model ? { model: modelUsed(usage.model) } : {}),
  });
}

/** Only who was asked, for which model and where, within the bounds of the contract. */
export const modelUsed = ({ provider, name, local }: Pick<ModelInfo, 'provider' | 'name' | 'local'>): ModelInfo =>
  create(ModelInfoSchema, {
    provider: provider.slice(0, 64).toWellFormed().replaceAll('\0', ''),
    name: name.slice(0, 128).toWellFormed().replaceAll('\0', ''),
    local,
  });

const within = (value: bigint, most: bigint): bigint => (value < 0n ? 0n : value > most ? most : value);
