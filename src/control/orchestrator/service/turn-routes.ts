// Which tier each model turn goes to, by the routing rules of now and the workers of now.
import { create } from '@bufbuild/protobuf';
import { TurnRouteSchema } from '../../../../gen/bowline/event/v1/event_pb.ts';
import { AppError } from '../../../base/errors.ts';
import type { RouteRules, RouteTier } from '../../../contract/routes/rules.ts';
import { firstTier, isAbleFor, selectorOfTier, tierAbove } from '../../routing/tiers.ts';
import type { WorkerView } from '../../routing/worker-view.ts';
import type { RoutedTurn } from '../decide/draft.ts';
import { codesOf } from '../decide/step-up.ts';
import { CHAT_METHOD, packageOf } from '../run/method-names.ts';
import type { RoutesKnown } from './run-decisions.ts';

export interface TurnRoutesParts {
  /** Undefined while there are none, or while a replica would not know what comes of them. */
  readonly rules: () => RouteRules | undefined;
  /** The workers of all replicas. */
  readonly workers: () => readonly WorkerView[];
}

export function routesKnown({ rules, workers }: TurnRoutesParts): RoutesKnown {
  return {
    of: (tenant) => {
      const now = rules();
      if (!now) return undefined;
      const isAble = (recipients: readonly string[]) => isAbleFor(chatNeed(tenant, recipients), workers());
      return {
        first: (run, recipients) => {
          const { tier, better, tierBefore: before } = run;
          const { tier: chosen, from } = firstTier(now, run, { tier, better, before }, isAble(recipients));
          return { ...routedTo(now.tiers, chosen), from };
        },
        above: (_run, name, recipients) => {
          const tier = tierAbove(now, name, isAble(recipients));
          return tier && routedTo(now.tiers, tier);
        },
      };
    },
    refuses: ({ tier = '', better = false }) => {
      const now = rules();
      const known = now?.tiers.map(({ name }) => name) ?? [];
      if (tier !== '' && !known.includes(tier))
        return new AppError('TIER_UNKNOWN', { tier, known: known.join(', ') || 'none' });
      return better && !now ? new AppError('ROUTES_MISSING') : undefined;
    },
  };
}

/** What a model turn needs, beside its tier. */
export const chatNeed = (tenant: string, recipients: readonly string[]) => ({
  capability: packageOf(CHAT_METHOD),
  method: CHAT_METHOD.slice(CHAT_METHOD.indexOf('/') + 1),
  tenant,
  recipients,
  slots: 1,
});

/** A turn at one of these tiers. */
export function routedTo(tiers: readonly RouteTier[], tier: RouteTier): RoutedTurn {
  const { name, model, below, on, afterMs } = tier;
  const next = tiers[tiers.indexOf(tier) + 1]?.name ?? '';
  const route = create(TurnRouteSchema, { tier: name, model, below, on: codesOf(on), next });
  return { route, selector: selectorOfTier(tier), timeoutMs: afterMs };
}
