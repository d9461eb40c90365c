// Divides what a batch used among those who were in it. Pure.

/**
 * Whole parts of `total` by `weights`, which add up to it exactly: everyone gets the whole part of their share, and what is
 * left goes to the largest remainders (Hamilton's method). Without any weight all count the same.
 */
export function shareOut(total: number, weights: readonly number[]): number[] {
  const sum = weights.reduce((all, weight) => all + weight, 0);
  const exact = weights.map((weight) => (sum > 0 ? (total * weight) / sum : total / weights.length));
  const parts = exact.map(Math.floor);
  let left = total - parts.reduce((all, part) => all + part, 0);
  const byRemainder = exact.map((share, at) => ({ at, rest: share - parts[at]! })).sort((a, b) => b.rest - a.rest);
  for (const { at } of byRemainder) {
    if (left <= 0) break;
    parts[at]! += 1;
    left -= 1;
  }
  return parts;
}
