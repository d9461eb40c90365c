// Reads the ledger for people: by whole groups, newest first, from the edge, or from its files while it is away.
import { LocalService } from '../../gen/bowline/local/v1/local_pb.ts';
import type { Egress } from '../../gen/bowline/run/v1/run_pb.ts';
import type { Side } from './client.ts';
import { type EgressGroup, groupedEgress, groupKey } from './egress-text.ts';
import { allPages } from './listing.ts';

/** All lines of the ledger of a home, newest first, and what of its files is damaged; undefined where there is no journal. */
export type OfflineLedger = (
  home: string,
) => Promise<{ readonly entries: readonly Egress[]; readonly problems: readonly string[] } | undefined>;

export interface LedgerPart {
  readonly groups: readonly EgressGroup[];
  /** Whether there are older ones. */
  readonly more: boolean;
}

export interface LedgerWish {
  /** Groups, or lines with `each`. */
  readonly limit: number;
  readonly run: string;
  readonly each: boolean;
}

/** The newest groups of all lines there are. */
export function newestGroups(entries: readonly Egress[], { limit, run, each }: LedgerWish): LedgerPart {
  const groups = groupsOf(run === '' ? entries : entries.filter((entry) => entry.run === run), each);
  return { groups: groups.slice(0, limit), more: groups.length > limit };
}

/** The newest groups that the edge tells. Lines of one group may lie apart: of each run that is shown all lines are read. */
export async function groupsFromEdge(edge: Side, wish: LedgerWish): Promise<LedgerPart> {
  const local = edge.client(LocalService);
  const linesOf = (run: string) =>
    allPages<Egress>(async (pageToken) => {
      const { entries, nextPageToken } = await local.listEgress({ pageSize: 250, pageToken, run });
      return { items: entries, nextPageToken };
    });
  if (wish.run !== '') return newestGroups(await linesOf(wish.run), wish);
  const seen: Egress[] = [];
  let groups: readonly EgressGroup[];
  let token = '';
  do {
    const { entries, nextPageToken } = await local.listEgress({ pageSize: 250, pageToken: token, run: '' });
    seen.push(...entries);
    token = nextPageToken;
    groups = groupsOf(seen, wish.each);
    // One more than wanted: then all lines of the last record without a run are there.
  } while (token !== '' && groups.length <= wish.limit);
  const shown = groups.slice(0, wish.limit);
  const more = token !== '' || groups.length > wish.limit;
  if (token === '' || wish.each) return { groups: shown, more };
  const runs = [...new Set(shown.map(({ entry }) => entry.run))].filter((run) => run !== '');
  const whole = new Map<string, EgressGroup>();
  for (const run of runs)
    for (const group of groupedEgress(await linesOf(run))) whole.set(groupKey(group.entry), group);
  return { groups: shown.map((group) => whole.get(groupKey(group.entry)) ?? group), more };
}

const groupsOf = (entries: readonly Egress[], each: boolean): readonly EgressGroup[] =>
  each
    ? entries.map((entry) => ({ entry, entries: [entry], fields: [entry.field], bytes: entry.bytes }))
    : groupedEgress(entries);
