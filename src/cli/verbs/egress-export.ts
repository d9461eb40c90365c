// The verb `egress export`: the whole ledger, line by line, for other programs.
import { timestampMs } from '@bufbuild/protobuf/wkt';
import { Command, Option } from 'commander';
import { type Egress, EgressSchema } from '../../../gen/bowline/run/v1/run_pb.ts';
import { AppError } from '../../base/errors.ts';
import { inertJson } from '../../base/inert.ts';
import { countsForDay } from '../../contract/counts-for-day.ts';
import type { GlobalOptions } from '../client.ts';
import { EGRESS_CSV_HEAD, egressCsv } from '../egress-csv.ts';
import type { CliIo } from '../io.ts';
import { parseLocalTime } from '../local-time.ts';
import { plain } from '../plain.ts';
import { type OfflineLedger, withLedger } from '../read-ledger.ts';

interface ExportOptions extends GlobalOptions {
  since?: number;
  until?: number;
  csv?: boolean;
  json?: boolean;
}

export function egressExportVerb(io: CliIo, offline: OfflineLedger): Command {
  return new Command('export')
    .description('Write the whole ledger, one line each, newest first; also while the edge is down')
    .addOption(
      new Option('--since <time>', 'only what left at or after this, e.g. 2026-11-01').argParser(parseLocalTime),
    )
    .addOption(new Option('--until <time>', 'only what left before this').argParser(parseLocalTime))
    .addOption(new Option('--csv', 'a table for spreadsheets').conflicts('json'))
    .option('--json', 'one JSON object a line')
    .addHelpText(
      'after',
      '\n`counts` says whether the bytes of a line count for limits.egress_day_bytes. Times are local: a day, or a day and a time such as 2026-11-01T09:30. It is written as it is read, however long the ledger is.\n\nExamples:\n  $ bowline egress export --csv > ledger.csv\n  $ bowline egress export --json --since 2026-11-01 --until 2026-12-01',
    )
    .action((_o, command: Command) => exportLedger(io, offline, command.optsWithGlobals<ExportOptions>()));
}

async function exportLedger(io: CliIo, offline: OfflineLedger, options: ExportOptions): Promise<void> {
  const { since = 0, until = Number.POSITIVE_INFINITY, csv, json } = options;
  if (!csv && !json) throw new AppError('USAGE', { what: 'say how: --csv or --json' });
  const textOf = (line: Egress) =>
    csv ? egressCsv(line) : inertJson({ ...plain(EgressSchema, line), counts: countsForDay(line) });
  const write = (text: string) => io.stdout.write(`${text}\n`);
  await withLedger(io, offline, options, async (ledger) => {
    if (csv) write(EGRESS_CSV_HEAD);
    for await (const line of ledger.lines()) {
      const at = line.createTime ? timestampMs(line.createTime) : 0;
      if (at >= since && at < until) write(textOf(line));
    }
  });
}
