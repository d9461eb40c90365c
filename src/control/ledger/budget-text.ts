// What is told of a budget that has little or no room: in money or in tokens, whichever is nearer to its end. Pure.
import { moneyText } from '../../base/money-text.ts';

export interface BudgetFigures {
  readonly budget: string;
  readonly scope: string;
  /** What it bounds, as people call it. */
  readonly title: string;
  readonly period: string;
  /** Null is no limit. */
  readonly limitMicros: number | null;
  readonly limitTokens: number | null;
  /** Spent and reserved. */
  readonly usedMicros: number;
  readonly usedTokens: number;
  /** When it begins anew. */
  readonly until: Date;
}

/** @param needs what is to begin, where something is */
export function budgetText(of: BudgetFigures, needs: { readonly micros: number; readonly tokens: number } = NOTHING) {
  const share = (limit: number | null, used: number) => (limit === null ? -1 : used / Math.max(limit, 1));
  const inMoney =
    share(of.limitMicros, of.usedMicros + needs.micros) >= share(of.limitTokens, of.usedTokens + needs.tokens);
  const [limit, used, needed] = inMoney
    ? [of.limitMicros ?? 0, of.usedMicros, needs.micros]
    : [of.limitTokens ?? 0, of.usedTokens, needs.tokens];
  const text = (n: number) => (inMoney ? moneyText(BigInt(Math.max(n, 0))) : `${Math.max(n, 0)} tokens`);
  return {
    budget: of.budget,
    of: of.scope === 'tenant' ? of.period : `${of.period}, ${of.scope} ${of.title}`,
    limit: text(limit),
    left: text(limit - used),
    needs: text(needed),
    until: of.until.toISOString().slice(0, 16).replace('T', ' '),
  };
}

const NOTHING = { micros: 0, tokens: 0 };
