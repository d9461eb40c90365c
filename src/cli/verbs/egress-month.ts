// The verb `egress month`: what left in each month, and to whom.
import { Argument, Command } from 'commander';
import { AppError } from '../../base/errors.ts';
import type { GlobalOptions } from '../client.ts';
import { barOf, type MonthSum, MonthSums, type SourceSum } from '../egress-months.ts';
import type { CliIo } from '../io.ts';
import { wideOption } from '../listing.ts';
import { Printer } from '../output.ts';
import type { PlainObject } from '../plain.ts';
import { type OfflineLedger, withLedger } from '../read-ledger.ts';
import type { Column } from '../table.ts';
import { bytesText } from '../units.ts';

interface MonthOptions extends GlobalOptions {
  json?: boolean;
  wide?: boolean;
}

/** Files, commands and servers of a month that are named. */
const MOST_SOURCES = 20;

const monthArgument = new Argument(
  '[month]',
  'only this one, and the files of which most left, e.g. 2026-11',
).argParser((text: string) => {
  if (/^\d{4}-(?:0[1-9]|1[0-2])$/.test(text)) return text;
  throw new AppError('USAGE', { what: `${JSON.stringify(text.slice(0, 40))} is not a month; write it as 2026-11` });
});

export function egressMonthVerb(io: CliIo, offline: OfflineLedger): Command {
  return new Command('month')
    .description('Show what left in each month, and to whom; also while the edge is down')
    .addArgument(monthArgument)
    .addOption(wideOption())
    .option('--json', 'print one JSON object')
    .addHelpText(
      'after',
      '\nCONTENT is text of files, questions and answers; names are paths and what the device is called. FILES, COMMANDS and SERVERS count those of which content left.\n\nExamples:\n  $ bowline egress month\n  $ bowline egress month 2026-11\n  $ bowline egress month --json',
    )
    .action((month: string | undefined, _o, command: Command) =>
      showMonths(io, offline, month ?? '', command.optsWithGlobals<MonthOptions>()),
    );
}

async function showMonths(io: CliIo, offline: OfflineLedger, month: string, options: MonthOptions): Promise<void> {
  const sums = new MonthSums(month);
  await withLedger(io, offline, options, async (ledger) => {
    for await (const line of ledger.lines()) sums.add(line);
  });
  const out = new Printer(io.stdout, io.env);
  if (options.json) return out.json(jsonOf(sums));
  const most = Math.max(...sums.sums.map(({ content }) => content), 0);
  const columns: Column<MonthSum>[] = [
    ...(month === '' ? [{ heading: 'month', text: (sum: MonthSum) => sum.month }] : []),
    { heading: 'to', text: ({ to }) => to, least: 8 },
    { heading: 'content', text: ({ content }) => bytesText(content), isNumber: true },
    { heading: '', text: ({ content }) => barOf(content, most), leaves: 2 },
    ...KINDS.filter(({ kind }) => kind === 'file' || sums.sources.some((each) => each.kind === kind)).map(
      ({ kind, heading }) => ({ heading, text: ({ of }: MonthSum) => `${of[kind].size}`, isNumber: true }),
    ),
    { heading: 'runs', text: ({ runs }) => `${runs.size}`, isNumber: true },
    { heading: 'names', text: ({ names }) => bytesText(names), isNumber: true, leaves: 1 },
  ];
  const none = month === '' ? 'nothing left the box' : `nothing left the box in ${month}`;
  out.table(columns, sums.sums, { none, wide: options.wide });
  if (month !== '' && sums.sources.length > 0) showSources(out, sums.sources, options);
  if (sums.sums.length > 0)
    new Printer(io.stderr, io.env).line(
      `${bytesText(sums.content)} of content, each byte counted once; ${bytesText(sums.counted)} of it count for the day cap: not your own words, nor what is sealed for your other machines`,
      'dim',
    );
}

function showSources(out: Printer, sources: readonly SourceSum[], { wide }: MonthOptions): void {
  const shown = wide ? sources : sources.slice(0, MOST_SOURCES);
  out.line();
  const columns: Column<SourceSum>[] = [
    { heading: 'of', text: ({ path }) => path, least: 16, keepsEnd: true },
    { heading: 'kind', text: ({ kind }) => kind },
    { heading: 'content', text: ({ content }) => bytesText(content), isNumber: true },
    { heading: 'to', text: ({ to }) => [...to].join(', '), least: 8 },
  ];
  out.table(columns, shown, { none: '', wide });
  if (shown.length < sources.length) out.line(`and ${sources.length - shown.length} more; --wide names all`, 'dim');
}

const KINDS = [
  { kind: 'file', heading: 'files' },
  { kind: 'command', heading: 'commands' },
  { kind: 'server', heading: 'servers' },
] as const;

const jsonOf = ({ content, counted, sums, sources, month }: MonthSums): PlainObject => ({
  content,
  counted,
  months: sums.map(({ month, to, content, names, of, runs }) => ({
    month,
    to,
    content,
    names,
    files: of.file.size,
    commands: of.command.size,
    servers: of.server.size,
    runs: runs.size,
  })),
  ...(month === ''
    ? {}
    : { sources: sources.map(({ kind, path, content, to }) => ({ kind, path, content, to: [...to] })) }),
});
