// What a job ends with that a budget has no room for: which budget, what is left, when it returns, and how to change it. Pure.
import type { Failure } from '../../../../gen/bowline/common/v1/common_pb.ts';
import { AppError } from '../../../base/errors.ts';
import { toFailure } from '../../../contract/errors.ts';
import { budgetText } from '../../ledger/budget-text.ts';
import type { OverBudget } from '../../store/unit.ts';

export function budgetFailure(over: OverBudget): Failure {
  const figures = { ...over, title: over.subject, until: new Date(over.until) };
  const needs = { micros: over.needsMicros ?? 0, tokens: over.needsTokens ?? 0 };
  return toFailure(new AppError('BUDGET_EXCEEDED', budgetText(figures, needs)));
}
