// Who may see the content of a run. A run is bound by what its owner shared with it and by the earlier turns it is shown,
// because their answers rest on what was shared then. Empty is any.
import type { ShareGrant } from '../../../gen/bowline/edge/v1/edge_pb.ts';

const isAny = (recipients: readonly string[]): boolean => recipients.length === 0 || recipients.includes('any');

/** The recipients that both allow; undefined when there is none. */
export function both(a: readonly string[], b: readonly string[]): readonly string[] | undefined {
  if (isAny(a)) return isAny(b) ? [] : b;
  if (isAny(b)) return a;
  const shared = a.filter((each) => b.includes(each));
  return shared.length > 0 ? shared : undefined;
}

/**
 * The recipients of all grants of a run. Where two grants have none in common the first counts: the device withholds from it
 * what the others do not cover.
 */
export function recipientsOfShares(shares: readonly ShareGrant[]): readonly string[] {
  let found: readonly string[] = [];
  for (const { recipients } of shares) found = both(found, recipients) ?? found;
  return found;
}
