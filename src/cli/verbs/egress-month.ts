// The verb `egress month`: what left in each month, and to whom.
import { Argument, Command } from 'commander';
import { AppError } from '../../base/errors.ts';
import type { GlobalOptions } from '../client.ts';
import { barOf, type FileSum, type MonthSum, MonthSums } from '../egress-months.ts';
import type { CliIo } from '../io.ts';
import { wideOption } from '../listing.ts';
import { Printer } from '../output.ts';
import type { PlainObject } from '../plain.ts';
import { type OfflineLedger, withLedger } from '../read-ledger.ts';
import type { Column } from '../table.ts';
import { bytesText, countText } from '../units.ts';

interface MonthOptions extends GlobalOptions {
  json?: boolean;
  wide?: boolean;
}

/** Files of a month that are named. */
const MOST_FILES = 20;

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
      '\nCONTENT is text of files, questions and answers; names are paths and what the device is called. FILES counts those of which content left.\n\nExamples:\n  $ bowline egress month\n  $ bowline egress month 2026-11\n  $ bowline egress month --json',
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
    { heading: 'files', text: ({ files }) => `${files.size}`, isNumber: true },
    { heading: 'runs', text: ({ runs }) => `${runs.size}`, isNumber: true },
    { heading: 'names', text: ({ names }) => bytesText(names), isNumber: true, leaves: 1 },
  ];
  const none = month === '' ? 'nothing left the box' : `nothing left the box in ${month}`;
  out.table(columns, sums.sums, { none, wide: options.wide });
  if (month !== '' && sums.files.length > 0) showFiles(out, sums.files, options);
  if (sums.sums.length > 0)
    new Printer(io.stderr, io.env).line(`${bytesText(sums.content)} of content, each byte counted once`, 'dim');
}

function showFiles(out: Printer, files: readonly FileSum[], { wide }: MonthOptions): void {
  const shown = wide ? files : files.slice(0, MOST_FILES);
  out.line();
  const columns: Column<FileSum>[] = [
    { heading: 'file', text: ({ path }) => path, least: 16, keepsEnd: true },
    { heading: 'content', text: ({ content }) => bytesText(content), isNumber: true },
    { heading: 'to', text: ({ to }) => [...to].join(', '), least: 8 },
  ];
  out.table(columns, shown, { none: '', wide });
  if (shown.length < files.length)
    out.line(`and ${countText(files.length - shown.length, 'file')} more; --wide names all`, 'dim');
}

const jsonOf = ({ content, sums, files, month }: MonthSums): PlainObject => ({
  content,
  months: sums.map(({ month, to, content, names, files, runs }) => ({
    month,
    to,
    content,
    names,
    files: files.size,
    runs: runs.size,
  })),
  ...(month === '' ? {} : { files: files.map(({ path, content, to }) => ({ path, content, to: [...to] })) }),
});
