// Budgets of the public API.
import { timestampFromDate } from '@bufbuild/protobuf/wkt';
import type { ServiceImpl } from '@connectrpc/connect';
import type { Kysely } from 'kysely';
import {
  type BudgetInfo,
  BudgetPeriod,
  BudgetScope,
  BudgetService,
} from '../../../../gen/bowline/control/v1/budget_service_pb.ts';
import { AppError } from '../../../base/errors.ts';
import { pageOf } from '../../../contract/paging.ts';
import { principalName } from '../../identity/principal.ts';
import {
  type BudgetTerms,
  type BudgetUse,
  budgetsOf,
  MOST_BUDGETS,
  removeBudget,
  setBudget,
} from '../../ledger/budgets.ts';
import { BUDGETS_SINCE } from '../../store/event-version.ts';
import type { Requests } from '../../store/requests.ts';
import type { Schema } from '../../store/schema.ts';
import { ownerOf } from '../call-principal.ts';
import { once } from './once.ts';

export function budgetApi(parts: {
  readonly db: Kysely<Schema>;
  readonly requests: Requests;
  /** Whether every live replica knows what came with this version. */
  readonly allKnow: (version: number) => Promise<boolean>;
  /** Reads them again. */
  readonly changed: () => Promise<void>;
}): ServiceImpl<typeof BudgetService> {
  const { db, requests } = parts;
  return {
    async listBudgets(request, context) {
      const page = pageOf(await budgetsOf(db, ownerOf(context).tenant), ({ id }) => id, request, MOST_BUDGETS);
      return { budgets: page.items.map(view), nextPageToken: page.nextPageToken };
    },
    async setBudget(request, context) {
      const owner = ownerOf(context);
      const terms = termsOf(owner.tenant, request.budget);
      // One that does not know budgets would spend past it.
      if (!(await parts.allKnow(BUDGETS_SINCE))) throw new AppError('VERSIONS_MIXED');
      const answer = await once(requests, owner, BudgetService.method.setBudget, request, {
        within: async (trx) => {
          await setBudget(trx, terms, principalName(owner));
          const [set] = (await budgetsOf(trx, owner.tenant)).filter(({ id }) => id === terms.id);
          return set ? { budget: view(set) } : {};
        },
      });
      await parts.changed();
      return answer;
    },
    async deleteBudget(request, context) {
      const owner = ownerOf(context);
      const answer = await once(requests, owner, BudgetService.method.deleteBudget, request, {
        within: async (trx) => {
          if (await removeBudget(trx, owner.tenant, request.id, principalName(owner))) return {};
          throw new AppError('NOT_FOUND', { kind: 'budget' });
        },
      });
      await parts.changed();
      return answer;
    },
  };
}

/** Throws INVALID_ARGUMENT. */
function termsOf(tenant: string, budget: BudgetInfo | undefined): BudgetTerms {
  const scope = SCOPES.find((each) => SCOPE_OF[each] === budget?.scope);
  const period = PERIODS.find((each) => PERIOD_OF[each] === budget?.period);
  const bad = (what: string) => new AppError('INVALID_ARGUMENT', { what });
  if (!budget || !scope || !period) throw bad('a budget needs what it bounds, and a period');
  const { id, subject, limitMicros, limitTokens, warnPercent } = budget;
  if ((scope === 'tenant') !== (subject === '')) throw bad('a budget names what it bounds, unless that is everything');
  if (limitMicros === 0n && limitTokens === 0n) throw bad('a budget needs a limit of money or of tokens');
  return {
    tenant,
    id,
    scope,
    subject,
    period,
    limitMicros: limitMicros === 0n ? null : Number(limitMicros),
    limitTokens: limitTokens === 0n ? null : Number(limitTokens),
    warnPercent,
  };
}

const SCOPE_OF = {
  tenant: BudgetScope.TENANT,
  device: BudgetScope.DEVICE,
  conversation: BudgetScope.CONVERSATION,
  key: BudgetScope.KEY,
  model: BudgetScope.MODEL,
} as const;
const PERIOD_OF = { day: BudgetPeriod.DAY, week: BudgetPeriod.WEEK, month: BudgetPeriod.MONTH } as const;
const SCOPES = Object.keys(SCOPE_OF) as (keyof typeof SCOPE_OF)[];
const PERIODS = Object.keys(PERIOD_OF) as (keyof typeof PERIOD_OF)[];

const view = (use: BudgetUse) => ({
  id: use.id,
  scope: SCOPE_OF[use.scope],
  subject: use.title,
  period: PERIOD_OF[use.period],
  limitMicros: BigInt(use.limitMicros ?? 0),
  limitTokens: BigInt(use.limitTokens ?? 0),
  warnPercent: [...use.warnPercent],
  spentMicros: BigInt(use.spentMicros),
  spentTokens: BigInt(use.spentTokens),
  reservedMicros: BigInt(use.reservedMicros),
  reservedTokens: BigInt(use.reservedTokens),
  resetTime: timestampFromDate(use.until),
});
