// Which tier of the routing rules a model turn goes to: the cheapest that qualifies, from where the rules or the owner say. Pure.
import { type RoutedAsk, type RouteRules, type RouteTier, ruleFor } from '../../contract/routes/rules.ts';
import { misfit } from './fit.ts';
import { type JobNeed, serves, type WorkerView } from './worker-view.ts';

/** What an owner wants of the tier. */
export interface WantedTier {
  /** This one and no other; empty: as the rules say. */
  readonly tier: string;
  /** One above the one that the rules say, or above the one that answered before. */
  readonly better: boolean;
  /** The tier that answered before; empty for none. */
  readonly before: string;
}

export interface TierChoice {
  readonly tier: RouteTier;
  /** The tier that is left for a better one, because its owner wants that; undefined otherwise. */
  readonly from: string | undefined;
  /** Why this one, in words. */
  readonly why: string;
}

/** Whether a tier has a worker that could serve it, even if all of them are busy. */
export type IsAble = (tier: RouteTier) => boolean;

export function firstTier(rules: RouteRules, ask: RoutedAsk, wanted: WantedTier, isAble: IsAble): TierChoice {
  const { tiers } = rules;
  const at = (name: string) => tiers.findIndex((tier) => tier.name === name);
  const named = tiers[at(wanted.tier)];
  if (named) return { tier: named, from: undefined, why: 'its owner named it' };
  const fit = ruleFor(rules, ask);
  let begin = fit ? Math.max(at(fit.rule.tier), 0) : 0;
  let why = fit ? `rule ${fit.number + 1} says so` : 'it is the cheapest';
  let from: string | undefined;
  if (wanted.better) {
    const left = at(wanted.before) >= 0 ? at(wanted.before) : begin;
    begin = Math.min(left + 1, tiers.length - 1);
    if (begin > left) from = tiers[left]?.name;
    why = begin > left ? `its owner wants a better answer than that of ${tiers[left]?.name}` : 'there is no better one';
  }
  const able = tiers.findIndex((tier, index) => index >= begin && isAble(tier));
  const tier = tiers[able >= 0 ? able : begin]!;
  if (able > begin)
    why += `, and nobody who is connected serves ${tiers
      .slice(begin, able)
      .map(({ name }) => name)
      .join(' or ')}`;
  return { tier, from, why };
}

/** The next tier above that has a worker; undefined where none has. */
export function tierAbove({ tiers }: RouteRules, name: string, isAble: IsAble): RouteTier | undefined {
  const at = tiers.findIndex((tier) => tier.name === name);
  return at < 0 ? undefined : tiers.slice(at + 1).find(isAble);
}

/** The labels by which a job of a tier finds its worker: those that it requires, and the model. */
export const selectorOfTier = ({ model, require }: RouteTier): Record<string, string> =>
  model === '' ? { ...require } : { ...require, model };

/** Whether a worker could do a job of this tier, though perhaps not now. */
export function isAbleFor(need: Omit<JobNeed, 'selector'>, workers: readonly WorkerView[]): IsAble {
  return (tier) => {
    const job = { ...need, selector: selectorOfTier(tier) };
    return workers.some((worker) => serves(worker, job.tenant) && misfit(job, worker)?.permanent !== true);
  };
}
