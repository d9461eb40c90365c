// Adds up what a job used; a sum is never more than a frame, the database or belief has room for. Pure.
import { create, type MessageInitShape } from '@bufbuild/protobuf';
import type { ModelInfo } from '../../../gen/bowline/common/v1/common_pb.ts';
import { type Usage, UsageSchema } from '../../../gen/bowline/run/v1/run_pb.ts';
import { boundedUsage } from '../../contract/usage.ts';

/** Both together; undefined where neither says anything. */
export function usageSum(sum: Usage | undefined, more: MessageInitShape<typeof UsageSchema> | undefined) {
  if (!sum || !more) return sum ?? (more && boundedUsage(create(UsageSchema, more)));
  const add = boundedUsage(create(UsageSchema, more));
  const all = create(UsageSchema, {
    inputTokens: sum.inputTokens + add.inputTokens,
    outputTokens: sum.outputTokens + add.outputTokens,
    cachedInputTokens: sum.cachedInputTokens + add.cachedInputTokens,
    costMicros: sum.costMicros + add.costMicros,
    estimated: sum.estimated || add.estimated,
    ...(sum.model && sameModel(sum.model, add.model) ? { model: sum.model } : {}),
  });
  return boundedUsage(all);
}

const sameModel = (one: ModelInfo, other: ModelInfo | undefined): boolean =>
  one.provider === other?.provider && one.name === other.name;
