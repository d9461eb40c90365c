// Reads the ledger for people: by whole groups, newest first, from the edge, or from its files while it is away.
import { type ExplainEgressResponse, LocalService } from '../../gen/bowline/local/v1/local_pb.ts';
import type { Egress } from '../../gen/bowline/run/v1/run_pb.ts';
import { type GlobalOptions, homeOf, isAway, localSide, type Side, using } from './client.ts';
import { type EgressGroup, groupedEgress, groupKey } from './egress-text.ts';
import type { CliIo } from './io.ts';
import { Printer } from './output.ts';
import { wholeId } from './short-id.ts';

/** The ledger of a home, read from its files; undefined where there is no journal. */
export type OfflineLedger = (home: string) => Promise<ReadLedger | undefined>;

export interface ReadLedger {
  /** All lines, newest first. */
  readonly entries: readonly Egress[];
  /** What of its files is damaged. */
  readonly problems: readonly string[];
  /** Under what something left. */
  readonly grounds: (of: { readonly run: string; readonly grant: string }) => Promise<ExplainEgressResponse>;
}

/** The ledger, from wherever it is read. */
export interface LedgerSource {
  /** Newest first; of one run, or all of it. */
  lines(run?: string): AsyncIterable<Egress> | Iterable<Egress>;
  grounds: ReadLedger['grounds'];
  groups(wish: LedgerWish): Promise<LedgerPart>;
}

/** Uses the ledger as the edge tells it; from its files where the edge is not there, which is said. */
export async function withLedger<T>(
  io: CliIo,
  offline: OfflineLedger,
  options: GlobalOptions,
  use: (ledger: LedgerSource) => Promise<T>,
): Promise<T> {
  let begun = false;
  try {
    return await using(localSide(io, options), async (edge) => {
      const local = edge.client(LocalService);
      await local.listEgress({ pageSize: 1 });
      begun = true;
      return await use({
        lines: (run = '') => linesFromEdge(edge, run),
        grounds: ({ run, grant }) => local.explainEgress({ run, grant }),
        groups: (wish) => groupsFromEdge(edge, wish),
      });
    });
  } catch (error) {
    // What was begun is not begun anew elsewhere.
    if (begun || !isAway(error)) throw error;
    const read = await offline(homeOf(io, options).home);
    if (!read) throw error;
    const { entries, problems, grounds } = read;
    const err = new Printer(io.stderr, io.env);
    err.line('the edge does not run; this is read from its journal', 'dim');
    for (const problem of problems) err.line(`the journal is damaged, so something is missing: ${problem}`, 'red');
    return use({
      lines: (run = '') => (run === '' ? entries : entries.filter((entry) => entry.run === run)),
      grounds,
      groups: async (wish) => newestGroups(entries, wish),
    });
  }
}

/** All lines of a run are in memory at once; those of the whole ledger need not be. */
export async function listOf(lines: ReturnType<LedgerSource['lines']>): Promise<Egress[]> {
  const list: Egress[] = [];
  for await (const line of lines) list.push(line);
  return list;
}

async function* linesFromEdge(edge: Side, run: string): AsyncGenerator<Egress> {
  const local = edge.client(LocalService);
  let pageToken = '';
  do {
    const page = await local.listEgress({ pageSize: 250, pageToken, run });
    yield* page.entries;
    pageToken = page.nextPageToken;
  } while (pageToken !== '');
}

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
async function groupsFromEdge(edge: Side, wish: LedgerWish): Promise<LedgerPart> {
  const local = edge.client(LocalService);
  const linesOf = (run: string) => listOf(linesFromEdge(edge, run));
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

/** Groups among which a part of the id of a run is looked up. */
const MOST_RUNS = 20_000;

/** The whole id of a run of the ledger. Throws USAGE when several are meant. */
export const wholeRun = (ledger: LedgerSource, typed: string): Promise<string> =>
  wholeId(typed, 'run', async () => {
    const { groups } = await ledger.groups({ limit: MOST_RUNS, run: '', each: false });
    const runs = new Set(groups.map(({ entry }) => entry.run).filter((run) => run !== ''));
    return [...runs].map((id) => ({ id, about: '' }));
  });
