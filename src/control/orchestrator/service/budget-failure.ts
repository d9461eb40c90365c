// What a job ends with that a budget has no room for: which budget, what is left, when it returns, and how to change it. Pure.
import type { Failure } from '../../../../gen/bowline/common/v1/common_pb.ts';
import { AppError } from '../../../base/errors.ts';
import { moneyText } from '../../../base/money-text.ts';
import { toFailure } from '../../../contract/errors.ts';
import type { OverBudget } from '../../store/unit.ts';

export function budgetFailure(over: OverBudget): Failure {
  const { budget, scope, subject, period, limitMicros, limitTokens, until } = over;
  const inMoney = limitMicros !== null && over.usedMicros + (over.needsMicros ?? 0) > limitMicros;
  const [limit, used, needs] = inMoney
    ? [limitMicros, over.usedMicros, over.needsMicros]
    : [limitTokens, over.usedTokens, over.needsTokens];
  const text = (n: number | null) =>
    inMoney ? moneyText(BigInt(Math.max(n ?? 0, 0))) : `${Math.max(n ?? 0, 0)} tokens`;
  return toFailure(
    new AppError('BUDGET_EXCEEDED', {
      budget,
      of: scope === 'tenant' ? period : `${period}, ${scope} ${subject}`,
      limit: text(limit),
      left: text((limit ?? 0) - used),
      needs: text(needs),
      until: new Date(until).toISOString().slice(0, 16).replace('T', ' '),
    }),
  );
}
