// What is said when a command leaves a run: what stayed on the box and how to share it, or how to find a run that goes on.
import { type GetStatusResponse, LocalService } from '../../gen/bowline/local/v1/local_pb.ts';
import { type Outcome, type Source, type Withheld, WithheldReason } from '../../gen/bowline/run/v1/run_pb.ts';
import { approvalTitle, typedId } from './approvals/approval-view.ts';
import type { AskResult } from './ask-result.ts';
import type { Side } from './client.ts';
import type { OfferedShares } from './offered-shares.ts';
import type { Printer } from './output.ts';
import type { StayedLine } from './run-printer.ts';
import { clockText, countText } from './units.ts';
import { askLine, diskPathOf, isShareable, withheldLines, withheldSummary } from './withheld-text.ts';

/** Most lines of a list; the rest is counted. */
const MAX_LINES = 20;

/** `--share` words of the command that is shown; the best matches are first. */
const MOST_SHARES = 3;

export interface Stayed {
  readonly lines: readonly StayedLine[];
  /** The `--share` values that would grant it. */
  readonly shares: readonly string[];
}

/** Says what stayed on the box, and the key or the command that would share it. */
export function stayedHome(options: {
  readonly program: string;
  readonly outcome: Outcome;
  /** What would share it, and why some of it is not offered as a whole. */
  readonly offered: OfferedShares;
  readonly conversation: string;
  readonly text: string;
  /** Whether each name is listed with its fields. */
  readonly verbose?: boolean | undefined;
  /** Files whose share ended before they were read. */
  readonly unshared?: readonly string[];
  /** Whether the owner is asked with a key. */
  readonly pick?: boolean;
}): Stayed {
  const { program, outcome, conversation, text, verbose = false, unshared = [], pick = false } = options;
  const { shares, limits } = options.offered;
  const asked = pick && shares.length > 0;
  const rest = asked && !verbose ? outcome.withheld.filter(isNoFile) : outcome.withheld;
  const lines: StayedLine[] = (verbose ? withheldLines(rest) : withheldSummary(rest)).map((line) => ({
    text: line,
    style: 'yellow',
  }));
  for (const name of unshared.slice(0, MAX_LINES))
    lines.push({
      text: `${name} was shared, but its share ended before it was read, as when the edge is started again; ask again`,
      style: 'red',
    });
  for (const limit of limits.slice(0, MAX_LINES)) lines.push({ text: limit, style: 'yellow' });
  if (asked)
    lines.push({
      text: `${countText(shares.length, 'file')} not shared: press s to choose, any other key to leave`,
      style: 'yellow',
    });
  else if (shares.length > 0) {
    const some = shares.slice(0, MOST_SHARES);
    const these = some.length < shares.length ? `the first ${some.length}` : some.length > 1 ? 'them' : 'it';
    lines.push({ text: `to share ${these} for one run: ${askLine(program, some, conversation, text)}`, quoted: true });
  }
  return { lines, shares };
}

/** What no file's share would grant. Parts of a result are missing because of the files, and nothing more. */
const isNoFile = ({ name, why, hint }: Withheld): boolean =>
  !isShareable({ hint }) && (name !== '' || why !== WithheldReason.NO_GRANT);

/** What the edge says of itself; nothing when it does not answer. */
export async function statusOf(edge: Side): Promise<Pick<GetStatusResponse, 'roots' | 'device' | 'deviceName'>> {
  try {
    return await edge.client(LocalService).getStatus({}, { timeoutMs: 2_000 });
  } catch {
    return { roots: [], device: '', deviceName: '' };
  }
}

/** Where on this machine a source lies. A document of a collection is a copy. */
export const pathOfSource =
  ({ roots, device, deviceName }: Awaited<ReturnType<typeof statusOf>>) =>
  (source: Source): string | undefined => {
    if (source.path === '' || source.collection !== '') return undefined;
    if (![device, deviceName, ''].includes(source.device)) return undefined;
    return diskPathOf(source.path, roots);
  };

/** Says that a run goes on without this command. */
export function leftOpen(err: Printer, { run, sent, approval, approvals, late, expires }: AskResult): void {
  const end = expires === undefined ? '' : `, and ends at ${clockText(expires)} without an answer`;
  const open = sent ? `goes on${end}` : `is queued on this box and will be sent by itself${end}`;
  const where = approval ? 'waits for your approval' : late ? 'had no answer in its time, which ends it' : open;
  err.line(`run ${run} ${where}`);
  for (const each of approvals.values()) {
    err.quoted(`  to ${approvalTitle(each)}`);
    err.line(`    bowline approvals show ${typedId(each)}`);
    err.line(`    bowline approvals allow ${typedId(each)}`);
  }
  if (approval && approvals.size === 0) err.line(`  bowline approvals ls --run ${run}`);
  err.line(sent ? `  bowline runs watch ${run}` : '  bowline queue ls');
  err.line(`  ${sent ? 'bowline runs cancel' : 'bowline queue rm'} ${run}`);
}
