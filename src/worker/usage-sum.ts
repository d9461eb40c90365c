// Adds up what a job used. Pure.
import { create, type MessageInitShape } from '@bufbuild/protobuf';
import { type Usage, UsageSchema } from '../../gen/bowline/run/v1/run_pb.ts';

/** Both together; undefined where neither says anything. */
export function usageSum(sum: Usage | undefined, more: MessageInitShape<typeof UsageSchema> | undefined) {
  if (!sum || !more) return sum ?? (more && create(UsageSchema, more));
  const add = create(UsageSchema, more);
  return create(UsageSchema, {
    inputTokens: sum.inputTokens + add.inputTokens,
    outputTokens: sum.outputTokens + add.outputTokens,
    cachedInputTokens: sum.cachedInputTokens + add.cachedInputTokens,
    costMicros: sum.costMicros + add.costMicros,
  });
}
