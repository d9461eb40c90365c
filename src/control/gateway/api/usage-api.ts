// What was used, in the public API.
import { timestampMs } from '@bufbuild/protobuf/wkt';
import type { ServiceImpl } from '@connectrpc/connect';
import { UsageBy as By, type UsageService } from '../../../../gen/bowline/control/v1/usage_service_pb.ts';
import type { UsageKey, UsageTotal } from '../../ledger/usage-sums.ts';
import { ownerOf } from '../call-principal.ts';

const MONTH_MS = 30 * 24 * 3_600_000;

const BY: Readonly<Record<By, UsageKey>> = {
  [By.UNSPECIFIED]: 'model',
  [By.DAY]: 'day',
  [By.MODEL]: 'model',
  [By.CONVERSATION]: 'conversation',
  [By.DEVICE]: 'device',
  [By.TOOL]: 'tool',
};

export function usageApi(parts: {
  readonly since: (tenant: string, since: number, by: UsageKey) => Promise<readonly UsageTotal[]>;
  readonly now: () => number;
}): ServiceImpl<typeof UsageService> {
  return {
    async getUsage({ startTime, by }, context) {
      const since = startTime ? timestampMs(startTime) : parts.now() - MONTH_MS;
      const sums = await parts.since(ownerOf(context).tenant, since, BY[by] ?? 'model');
      return {
        sums: sums.map((sum) => ({
          key: sum.key,
          title: sum.title,
          provider: sum.provider,
          model: sum.model,
          inputTokens: BigInt(sum.inputTokens),
          outputTokens: BigInt(sum.outputTokens),
          costMicros: BigInt(sum.costMicros),
          jobs: BigInt(sum.jobs),
        })),
      };
    },
  };
}
