// Whether a CEL expression of somebody else's contract is cheap whatever it is given. Nothing can stop an expression once it is evaluated, so
// what may take long is not taken: each part may run once, none may run for every item of a list.
import type { parse } from '@bufbuild/cel';

/** Parts of one expression: names, values, calls. */
export const MAX_PARTS = 200;

type Expression = NonNullable<ReturnType<typeof parse>['expr']>;

/** What makes it dear, in words; undefined when it is cheap. */
export function dearPart(expression: Expression | undefined): string | undefined {
  const left: (Expression | undefined)[] = [expression];
  for (let parts = 0; left.length > 0; parts++) {
    if (parts >= MAX_PARTS) return `has more than ${MAX_PARTS} parts`;
    const kind = left.pop()?.exprKind;
    if (kind?.case === 'comprehensionExpr')
      return 'goes through a list (`all`, `exists`, `exists_one`, `map`, `filter`); a rule for each item is `repeated.items` or `map.values`';
    if (kind?.case === 'callExpr') left.push(kind.value.target, ...kind.value.args);
    else if (kind?.case === 'selectExpr') left.push(kind.value.operand);
    else if (kind?.case === 'listExpr') left.push(...kind.value.elements);
    else if (kind?.case === 'structExpr')
      for (const { keyKind, value } of kind.value.entries)
        left.push(value, keyKind.case === 'mapKey' ? keyKind.value : undefined);
  }
  return undefined;
}
