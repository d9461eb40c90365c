// The verb `egress show`: what exactly left for one run, one job or under one grant.
import { Command } from 'commander';
import {
  type ExplainEgressResponse,
  ExplainEgressResponseSchema,
  type LeavingFile,
} from '../../../gen/bowline/local/v1/local_pb.ts';
import { Sensitivity, SensitivitySchema } from '../../../gen/bowline/policy/v1/options_pb.ts';
import { type Egress, EgressSchema } from '../../../gen/bowline/run/v1/run_pb.ts';
import { AppError } from '../../base/errors.ts';
import type { GlobalOptions } from '../client.ts';
import { type EgressKind, egressKind, egressName, kindsText } from '../egress-text.ts';
import type { CliIo } from '../io.ts';
import { wideOption } from '../listing.ts';
import { Printer } from '../output.ts';
import { enumText, plain } from '../plain.ts';
import { type LedgerSource, listOf, type OfflineLedger, wholeRun, withLedger } from '../read-ledger.ts';
import type { Column } from '../table.ts';
import { bytesText, timeText } from '../units.ts';

interface ShowOptions extends GlobalOptions {
  json?: boolean;
  wide?: boolean;
}

export function egressShowVerb(io: CliIo, offline: OfflineLedger): Command {
  return new Command('show')
    .description('Show what exactly left for one run or job, or under one grant; also while the edge is down')
    .argument('<id>', 'a run, a job (`run/step/index`) or a grant; the end of the id of a run is enough')
    .addOption(wideOption())
    .option('--json', 'print one JSON object')
    .addHelpText(
      'after',
      '\nHashes and shared lines are those of the grant, as long as the journal has it.\n\nExamples:\n  $ bowline egress show 4fd31a07\n  $ bowline egress show 0191f3c2-7d3a-7c11-9f00-1b6d0a5c2e11/2/0\n  $ bowline egress show 4fd31a07 --json',
    )
    .action((id: string, _o, command: Command) => show(io, offline, id, command.optsWithGlobals<ShowOptions>()));
}

/** What left, oldest first, and under what. */
interface Left {
  readonly lines: readonly Egress[];
  readonly grounds: ExplainEgressResponse;
}

async function show(io: CliIo, offline: OfflineLedger, typed: string, options: ShowOptions): Promise<void> {
  const { lines, grounds } = await withLedger(io, offline, options, (ledger) => leftOf(ledger, typed));
  if (lines.length === 0) throw new AppError('NOT_FOUND', { kind: 'run, job or grant in the ledger' });
  const out = new Printer(io.stdout, io.env);
  if (options.json)
    return out.json({
      lines: lines.map((line) => ({ ...plain(EgressSchema, line), ...(line.path !== '' && { of: egressKind(line) }) })),
      ...plain(ExplainEgressResponseSchema, grounds),
    });
  head(out, lines, grounds);
  const columns: Column<Egress>[] = [
    {
      heading: 'when',
      text: ({ createTime }) => timeText(createTime),
      brief: ({ createTime }) => timeText(createTime).slice(11),
      leaves: 1,
    },
    { heading: 'what', text: egressName, least: 14, keepsEnd: true },
    { heading: 'field', text: ({ field }) => field, least: 8 },
    { heading: 'kind', text: ({ sensitivity }) => enumText(SensitivitySchema, sensitivity), leaves: 3 },
    { heading: 'bytes', text: ({ bytes }) => `${bytes}`, isNumber: true },
    { heading: 'to', text: ({ recipients }) => recipients.join(', '), least: 7 },
    { heading: 'under', text: ({ grant }) => grant || '-', brief: ({ grant }) => shortGrant(grant), leaves: 2 },
    { heading: 'job', text: ({ job }) => job || '-', onlyWide: true },
  ];
  out.line();
  out.table(columns, lines, { none: '', wide: options.wide });
  showGrounds(out, lines, grounds);
}

/** By its job, its run, or its grant. */
async function leftOf(ledger: LedgerSource, typed: string): Promise<Left> {
  const [runPart = '', ...steps] = typed.split('/');
  const run = await wholeRun(ledger, runPart);
  const job = steps.length > 0 ? [run, ...steps].join('/') : '';
  const ofRun = await listOf(ledger.lines(run));
  if (ofRun.length > 0) {
    const lines = job === '' ? ofRun : ofRun.filter((line) => line.job === job);
    return { lines: lines.reverse(), grounds: await ledger.grounds({ run, grant: '' }) };
  }
  const lines: Egress[] = [];
  for await (const line of ledger.lines()) if (isUnder(line, typed)) lines.push(line);
  const grant = lines[0]?.grant ?? '';
  return { lines: lines.reverse(), grounds: await ledger.grounds({ run: '', grant }) };
}

/** The end of an id is enough. */
const isUnder = ({ grant }: Egress, typed: string): boolean =>
  grant !== '' && (grant === typed || (typed.length >= 8 && grant.endsWith(typed)));

const shortGrant = (grant: string): string =>
  grant === '' ? '-' : grant.includes(':') ? (grant.split(':')[0] ?? grant) : grant.slice(-8);

function head(out: Printer, lines: readonly Egress[], { jobs }: ExplainEgressResponse): void {
  const of = (kind: Sensitivity) => lines.filter(({ sensitivity }) => sensitivity === kind);
  const bytes = (some: readonly Egress[]) => bytesText(some.reduce((sum, line) => sum + line.bytes, 0n));
  const content = of(Sensitivity.CONTENT);
  const named = content.filter(({ path }) => path !== '');
  const counted = (kind: EgressKind) =>
    new Set(named.filter((line) => egressKind(line) === kind).map(({ path }) => path)).size;
  const counts = { file: counted('file'), command: counted('command'), server: counted('server') };
  const [first, last] = [timeText(lines[0]?.createTime), timeText(lines.at(-1)?.createTime)];
  const run = lines[0]?.run;
  if (run) out.line(`run      ${run}`);
  out.line(`when     ${first === last ? first : `${first} to ${last}`}`);
  out.line(`to       ${[...new Set(lines.flatMap(({ recipients }) => recipients))].join(', ')}`);
  out.line(`content  ${bytes(content)}, of ${kindsText(counts)}`);
  out.line(`names    ${bytes(of(Sensitivity.NAME))}`);
  const shown = new Set(lines.map(({ job }) => job));
  for (const { job, approval } of jobs)
    if (shown.has(job)) out.line(`asked    ${job}, allowed by approval ${approval}`);
}

/** What the grants froze, of the files that left. */
function showGrounds(out: Printer, lines: readonly Egress[], { files }: ExplainEgressResponse): void {
  const left = new Set(lines.map(({ grant, path }) => `${grant}\0${path}`));
  const rows = files.filter(({ grant, path, sha256 }) => sha256.length > 0 && left.has(`${grant}\0${path}`));
  if (rows.length === 0) return;
  const columns: Column<LeavingFile>[] = [
    { heading: 'granted', text: ({ path }) => path, least: 14, keepsEnd: true },
    { heading: 'lines', text: linesText },
    {
      heading: 'sha-256',
      text: ({ sha256 }) => Buffer.from(sha256).toString('hex'),
      brief: ({ sha256 }) => Buffer.from(sha256).toString('hex').slice(0, 16),
    },
    { heading: 'grant', text: ({ grant }) => grant, brief: ({ grant }) => shortGrant(grant), leaves: 1 },
  ];
  out.line();
  out.table(columns, rows, { none: '' });
}

const linesText = ({ startLine, endLine }: LeavingFile): string =>
  startLine === 0 && endLine === 0 ? 'all' : `${startLine || 1} to ${endLine || 'the end'}`;
