// What this replica knows of budgets without asking: which tenants have some, and how far they are used. It is a hint: the commit itself
// looks, and says where this is behind. Its round also charges what lapsed.
import { type Kysely, sql } from 'kysely';
import type { CostBound } from '../../../gen/bowline/event/v1/event_pb.ts';
import type { Clock } from '../../base/clock.ts';
import { every } from '../../base/every.ts';
import type { Logger } from '../../base/logger.ts';
import type { Schema } from '../store/schema.ts';
import { type BudgetUse, budgetsOf } from './budgets.ts';
import type { KnownPrices } from './known-prices.ts';
import { costBound, type PricedWorker, type PriceRules, type WantedPrices } from './price-table.ts';

export interface KnownBudgetsParts {
  readonly db: Kysely<Schema>;
  readonly clock: Clock;
  readonly log: Logger;
  /** Workers of all replicas that may work for a tenant. */
  readonly workers: (tenant: string) => readonly PricedWorker[];
  /** What workers told before. */
  readonly prices: Pick<KnownPrices, 'of' | 'refresh'>;
  readonly rules: PriceRules;
  /** Between two looks. */
  readonly everyMs: number;
  /** How long what ended without a word keeps its reservation. */
  readonly lapseMs: number;
  /** Told after there were budgets to read: more of one may be used. */
  readonly onRead: () => void;
}

export class BudgetsKnown {
  readonly #parts: KnownBudgetsParts;
  #byTenant: ReadonlyMap<string, readonly BudgetUse[]> = new Map();
  readonly #learnt = new Set<string>();

  constructor(parts: KnownBudgetsParts) {
    this.#parts = parts;
  }

  /** Returns how to stop. */
  start(): () => void {
    const { clock, log, everyMs } = this.#parts;
    return every(clock, everyMs, () => this.refresh(), (error) => log.debug('budgets were not read', { why: String(error) })); // biome-ignore format: short
  }

  has(tenant: string): boolean {
    return this.#byTenant.has(tenant) || this.#learnt.has(tenant);
  }

  /** A commit said that there are some. */
  learn(tenant: string): void {
    this.#learnt.add(tenant);
  }

  bound(tenant: string, wanted: WantedPrices): CostBound {
    const { workers, prices, rules } = this.#parts;
    return costBound({ live: workers(tenant), known: prices.of(tenant) }, wanted, rules);
  }

  /** Those of a tenant that were at a share of which is told, when they were last read. */
  warned(tenant: string): BudgetUse[] {
    return (this.#byTenant.get(tenant) ?? []).filter((budget) => {
      const share = shareOf(budget);
      return budget.warnPercent.some((percent) => share >= percent / 100);
    });
  }

  /** Reads all of them. Throws STORE_UNAVAILABLE. */
  async refresh(): Promise<void> {
    const { db, log, lapseMs, prices } = this.#parts;
    await prices.refresh();
    const all = await budgetsOf(db);
    const byTenant = new Map<string, BudgetUse[]>();
    for (const budget of all) byTenant.set(budget.tenant, [...(byTenant.get(budget.tenant) ?? []), budget]);
    this.#byTenant = byTenant;
    this.#learnt.clear();
    if (all.length === 0) return;
    this.#parts.onRead();
    const { rows } = await sql<{ lapsed: number }>`select bowline_lapse_1(${lapseMs}) as lapsed`.execute(db);
    const lapsed = rows[0]?.lapsed ?? 0;
    if (lapsed > 0) log.warn('the worst case of dispatches that ended without a word was charged', { lapsed });
  }
}

/** The larger one of the shares of money and tokens that are spent or reserved. */
export function shareOf({ limitMicros, limitTokens, usedMicros, usedTokens }: BudgetUse): number {
  return Math.max(limitMicros ? usedMicros / limitMicros : 0, limitTokens ? usedTokens / limitTokens : 0);
}
