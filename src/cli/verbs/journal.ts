// The verb `journal`.
import { Command } from 'commander';
import { LocalService } from '../../../gen/bowline/local/v1/local_pb.ts';
import { EXIT } from '../../base/status-codes.ts';
import { type GlobalOptions, homeOf, isAbsent, localSide, using } from '../client.ts';
import type { CliIo } from '../io.ts';
import { Printer } from '../output.ts';
import { bytesText, countText } from '../units.ts';

/** What a check of the journal found. */
export interface JournalCheck {
  readonly ok: boolean;
  readonly records: number;
  readonly segments: number;
  /** Empty when it is sound. */
  readonly problem: string;
  /** What is no fault but should be known. */
  readonly notes?: readonly string[];
  /** Known where it could be read. */
  readonly journalId?: string;
  readonly head?: string;
  /** The archive of the ledger; undefined while nothing was pruned. */
  readonly ledger?: ArchiveFigures;
}

/** Records of the journal whose lines the archive of the ledger holds, and how much that is. */
interface ArchiveFigures {
  readonly firstSequence: number | bigint;
  readonly lastSequence: number | bigint;
  readonly lines: bigint;
  readonly bytes: bigint;
  readonly droppedLines: bigint;
  readonly segments: number;
}

/** Checks the journal of a home while no edge has it open; undefined when there is none. Changes nothing. */
export type OfflineCheck = (home: string) => Promise<JournalCheck | undefined>;

/** What looks at the files of a home. */
export interface JournalFiles {
  /** For a home whose edge does not run. */
  readonly offline: OfflineCheck;
  /** Damaged ends that starts took out of the journal. */
  readonly keptAside: (home: string) => Promise<readonly string[]>;
}

export function journalVerb(io: CliIo, files: JournalFiles): Command {
  const journal = new Command('journal').description("Check the edge's journal");
  journal.addCommand(
    new Command('verify')
      .description('Read the whole journal and check its hash chain; exit code 6 when it is broken')
      .option('--json', 'print one JSON object')
      .addHelpText('after', '\nIt works whether the edge runs or not.\n\nExamples:\n  $ bowline journal verify')
      .action((_o, command: Command) => verify(io, files, command.optsWithGlobals())),
  );
  return journal;
}

async function verify(io: CliIo, files: JournalFiles, options: GlobalOptions & { json?: boolean }): Promise<void> {
  const out = new Printer(io.stdout, io.env);
  const found = await check(io, files.offline, options);
  const aside = await files.keptAside(homeOf(io, options).home);
  const notes = [...(found.notes ?? []), ...aside.map((path) => `a damaged end was taken out of the journal: ${path}`)];
  const result = { ...found, ...(notes.length > 0 && { notes }) };
  if (!result.ok) io.exit(EXIT.failed);
  if (options.json) {
    const { ledger, ...rest } = result;
    out.json({ ...rest, ...(ledger && { ledger: plainFigures(ledger) }) });
    return;
  }
  const read = `${countText(result.records, 'record')} in ${countText(result.segments, 'segment')}`;
  if (result.ok) out.line(`sound: ${read}`, 'green');
  else out.line(`broken after ${read}: ${result.problem}`, 'red');
  for (const note of notes) out.line(`note    ${note}`, 'yellow');
  if (result.journalId) out.line(`journal ${result.journalId}`);
  if (result.head) out.line(`head    ${result.head}`);
  if (result.ledger) out.line(`ledger  ${ledgerText(plainFigures(result.ledger))}`);
}

const plainFigures = ({ firstSequence, lastSequence, lines, bytes, droppedLines, segments }: ArchiveFigures) => ({
  firstSequence: Number(firstSequence),
  lastSequence: Number(lastSequence),
  lines: Number(lines),
  bytes: Number(bytes),
  droppedLines: Number(droppedLines),
  segments,
});

/** How far the archive goes. */
function ledgerText(archive: ReturnType<typeof plainFigures>): string {
  const { firstSequence, lastSequence, lines, bytes, droppedLines, segments } = archive;
  const kept = `${countText(lines - droppedLines, 'line')} of records ${firstSequence} to ${lastSequence} archived`;
  const dropped = droppedLines > 0 ? `; ${countText(droppedLines, 'older line')} dropped by ledger_full` : '';
  return `${kept} in ${countText(segments, 'segment')} (${bytesText(bytes)} told of)${dropped}`;
}

/** By the edge, which knows where its last batch ends; from the files when no edge answers. */
async function check(io: CliIo, offline: OfflineCheck, options: GlobalOptions): Promise<JournalCheck> {
  try {
    return await using(localSide(io, options), async (edge) => {
      const answer = await edge.client(LocalService).verifyJournal({});
      const { ok, records, segments, problem, journalId, headSha256, ledger } = answer;
      const archive = ledger && { ledger };
      const head = Buffer.from(headSha256).toString('hex');
      return { ok, records: Number(records), segments, problem, journalId, head, ...archive };
    });
  } catch (error) {
    if (!isAbsent(error)) throw error;
    const found = await offline(homeOf(io, options).home);
    if (!found) throw error;
    return found;
  }
}
