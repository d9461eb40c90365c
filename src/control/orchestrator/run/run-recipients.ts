// Who may see the content of a run. A run is bound by what its owner shared with it, by the collections it looks into and by
// the earlier turns it is shown, because their answers rest on what was shared then. Of a run, empty is any: nothing was shared. Of a
// grant it is nobody but the owner's own machines.
import type { CollectionUse, ShareGrant } from '../../../../gen/bowline/record/v1/record_pb.ts';

const isAny = (recipients: readonly string[]): boolean => recipients.length === 0 || recipients.includes('any');

/** The recipients that both allow; undefined when there is none. */
export function both(a: readonly string[], b: readonly string[]): readonly string[] | undefined {
  if (isAny(a)) return isAny(b) ? [] : b;
  if (isAny(b)) return a;
  const shared = a.filter((each) => b.includes(each));
  return shared.length > 0 ? shared : undefined;
}

const granted = ({ recipients }: { readonly recipients: readonly string[] }): readonly string[] => {
  const named = recipients.filter((each) => each !== '');
  return named.length > 0 ? named : ['local'];
};

/**
 * The recipients of all grants of a run. Where two grants have none in common the first counts: the device withholds from it
 * what the others do not cover.
 */
export function recipientsOfShares(shares: readonly ShareGrant[]): readonly string[] {
  let found: readonly string[] = [];
  for (const share of shares) found = both(found, granted(share)) ?? found;
  return found;
}

export interface Bound {
  /** Who may see the run. */
  readonly recipients: readonly string[];
  /** Collections that it may look into. */
  readonly collections: readonly CollectionUse[];
}

/**
 * What shares and collections bind a run to. Nobody withholds what lies in a collection, so one whose recipients have none in
 * common with the others is not looked into.
 */
export function boundBy(run: {
  readonly shares: readonly ShareGrant[];
  readonly collections: readonly CollectionUse[];
}): Bound {
  let recipients = recipientsOfShares(run.shares);
  const collections = run.collections.filter((each) => {
    const narrower = both(recipients, granted(each));
    recipients = narrower ?? recipients;
    return narrower !== undefined;
  });
  return { recipients, collections };
}

/**
 * Who may see what the search before the first turn asks: the owner's own words. They are bound by the collections that it looks
 * into, and not by what is shared beside them, which is no part of the ask.
 */
export const askedOfSearch = (run: Parameters<typeof boundBy>[0]): readonly string[] =>
  boundBy({ shares: [], collections: boundBy(run).collections }).recipients;
