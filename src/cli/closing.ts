// What is said on stderr when a command leaves a run: how to share what was withheld, or how to find a run that goes on.
import { LocalService } from '../../gen/bowline/local/v1/local_pb.ts';
import type { Outcome } from '../../gen/bowline/run/v1/run_pb.ts';
import type { AskResult } from './ask-result.ts';
import type { Side } from './client.ts';
import type { Printer } from './output.ts';
import { clockText } from './units.ts';
import { askLine, sharesFor, withheldLines, withheldSummary } from './withheld-text.ts';

/** Most lines of a list; the rest is counted. */
const MAX_LINES = 20;

/** `--share` words of the command that is shown; the best matches are first. */
const MOST_SHARES = 3;

/** Says what was withheld, and the command that would share it. */
export async function giveHints(options: {
  readonly edge: Side;
  readonly err: Printer;
  readonly cwd: string;
  readonly outcome: Outcome;
  readonly conversation: string;
  readonly text: string;
  /** Whether each name is listed with its fields. */
  readonly verbose?: boolean | undefined;
  /** Files whose share ended before they were read. */
  readonly unshared?: readonly string[];
}): Promise<void> {
  const { edge, err, cwd, outcome, conversation, text } = options;
  if (outcome.withheld.length === 0) return;
  for (const line of options.verbose ? withheldLines(outcome.withheld) : withheldSummary(outcome.withheld))
    err.line(line, 'yellow');
  for (const name of (options.unshared ?? []).slice(0, MAX_LINES))
    err.line(
      `${name} was shared, but its share ended before it was read, as when the edge is started again; ask again`,
      'red',
    );
  const shares = sharesFor(outcome.withheld, await rootsOf(edge), cwd);
  if (shares.length === 0) return;
  const some = shares.slice(0, MOST_SHARES);
  err.line(some.length < shares.length ? `to share the first ${some.length} for one run:` : 'to share it for one run:');
  err.text(`  ${askLine(err.program, some, conversation, text)}\n`);
}

/** The allowed roots of the edge; none when it does not say. */
export async function rootsOf(edge: Side): Promise<readonly string[]> {
  try {
    return (await edge.client(LocalService).getStatus({}, { timeoutMs: 2_000 })).roots;
  } catch {
    return [];
  }
}

/** Says that a run goes on without this command. */
export function leftOpen(err: Printer, { run, sent, approval, late, expires }: AskResult): void {
  const end = expires === undefined ? '' : `, and ends at ${clockText(expires)} without an answer`;
  const open = sent ? `goes on${end}` : `is queued on this box and will be sent by itself${end}`;
  const where = approval ? 'waits for your approval' : late ? 'had no answer in its time, which ends it' : open;
  err.line(`run ${run} ${where}`);
  err.line(sent ? `  bowline runs watch ${run}` : '  bowline queue ls');
  err.line(`  ${sent ? 'bowline runs cancel' : 'bowline queue rm'} ${run}`);
}
