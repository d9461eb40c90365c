// What of the ledger is new since it was last read. Pure: lines have no number of their own, so the newest ones that were seen are found again.
import type { Egress } from '../../../gen/bowline/run/v1/run_pb.ts';

/** How many lines in a row make the place certain. */
const ENOUGH = 8;

/** Lines of `next` before those of `seen`, both newest first; undefined when `seen` is not in `next`, so more may have left in between. */
export function newerThan(seen: readonly Egress[], next: readonly Egress[]): readonly Egress[] | undefined {
  if (seen.length === 0) return undefined;
  for (let at = 0; at < next.length; at++) {
    if (isSameFrom(seen, next, at)) return next.slice(0, at);
  }
  return undefined;
}

function isSameFrom(seen: readonly Egress[], next: readonly Egress[], at: number): boolean {
  const most = Math.min(ENOUGH, seen.length, next.length - at);
  for (let i = 0; i < most; i++) if (!isSame(seen[i], next[at + i])) return false;
  return most > 0;
}

function isSame(one: Egress | undefined, other: Egress | undefined): boolean {
  return (
    one !== undefined &&
    other !== undefined &&
    one.job === other.job &&
    one.run === other.run &&
    one.path === other.path &&
    one.field === other.field &&
    one.bytes === other.bytes &&
    one.createTime?.seconds === other.createTime?.seconds &&
    one.createTime?.nanos === other.createTime?.nanos
  );
}
