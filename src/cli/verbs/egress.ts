// The verb `egress`: the ledger of what left the box.
import { Command } from 'commander';
import { SensitivitySchema } from '../../../gen/bowline/policy/v1/options_pb.ts';
import { EgressSchema } from '../../../gen/bowline/run/v1/run_pb.ts';
import type { GlobalOptions } from '../client.ts';
import { idColumn, timeColumn } from '../columns.ts';
import { type EgressGroup, egressName } from '../egress-text.ts';
import type { CliIo } from '../io.ts';
import { knownRun } from '../known-run.ts';
import { type ListOptions, lsCommand } from '../listing.ts';
import { Printer } from '../output.ts';
import { enumText, plain } from '../plain.ts';
import { type LedgerPart, type OfflineLedger, wholeRun, withLedger } from '../read-ledger.ts';
import type { Column } from '../table.ts';
import { bytesText, countText } from '../units.ts';
import { listed } from '../watched-list.ts';
import { egressExportVerb } from './egress-export.ts';
import { egressMonthVerb } from './egress-month.ts';
import { egressShowVerb } from './egress-show.ts';

interface EgressOptions extends GlobalOptions, ListOptions {
  run?: string;
  each?: boolean;
  verbose?: boolean;
}

export function egressVerb(io: CliIo, offline: OfflineLedger): Command {
  const egress = new Command('egress').description('Tell what left this box, from its own ledger');
  egress.addCommand(
    lsCommand('List what left the box, newest first; also while the edge is down', 100)
      .option('--run <run>', 'only of this run')
      .option('--each', 'one row for each field, as in the ledger; otherwise one for each file of a run')
      .option('--verbose', 'name the fields')
      .addHelpText(
        'after',
        '\nOne row is what left of one file for one run; -n counts rows, and never cuts inside one.\n\nExamples:\n  $ bowline egress ls\n  $ bowline egress ls -n 10 --wide\n  $ bowline egress ls --run 4fd31a07 --json',
      )
      .action(listed<EgressOptions>(io, (to, options) => list(to, offline, options))),
  );
  egress.addCommand(egressShowVerb(io, offline));
  egress.addCommand(egressMonthVerb(io, offline));
  egress.addCommand(egressExportVerb(io, offline));
  return egress;
}

async function list(io: CliIo, offline: OfflineLedger, options: EgressOptions): Promise<void> {
  const out = new Printer(io.stdout, io.env);
  const err = new Printer(io.stderr, io.env);
  const { groups, more } = await read(io, offline, options);
  const left = more ? `older ones are left out; list more with -n, now ${options.limit}` : '';
  if (left) err.line(left, 'yellow');
  if (options.json)
    return out.json(groups.flatMap(({ entries }) => entries).map((entry) => plain(EgressSchema, entry)));
  const columns: Column<EgressGroup>[] = [
    timeColumn('when', ({ entry }) => entry.createTime),
    { heading: 'what', text: ({ entry }) => egressName(entry), least: 16, keepsEnd: true },
    ...(options.each || options.verbose ? [FIELDS] : [{ ...FIELDS, onlyWide: true }]),
    { heading: 'kind', text: ({ entry }) => enumText(SensitivitySchema, entry.sensitivity), leaves: 1 },
    { heading: 'size', text: ({ bytes }) => bytesText(bytes), isNumber: true },
    { heading: 'to', text: ({ entry }) => entry.recipients.join(', '), least: 10 },
    { ...idColumn('run', ({ entry }) => entry.run, groups), leaves: 2 },
    { heading: 'grant', text: ({ entry }) => entry.grant || '-', onlyWide: true },
  ];
  out.table(columns, groups, { none: 'nothing left the box', wide: options.wide });
  if (groups.length === 0) return;
  const bytes = groups.reduce((sum, group) => sum + group.bytes, 0n);
  err.line(`${bytesText(bytes)} in ${countText(groups.length, 'row')}`, 'dim');
}

const FIELDS: Column<EgressGroup> = { heading: 'fields', text: ({ fields }) => fields.join(', '), least: 12 };

/** From the edge; from its files where it is not there. */
async function read(io: CliIo, offline: OfflineLedger, options: EgressOptions): Promise<LedgerPart> {
  const found = await readAnyway(io, offline, options);
  // Nothing is said of a run that there is not.
  if (options.run && found.groups.length === 0) await knownRun(io, options, options.run);
  return found;
}

async function readAnyway(io: CliIo, offline: OfflineLedger, options: EgressOptions): Promise<LedgerPart> {
  const { limit, run = '', each = false } = options;
  return await withLedger(io, offline, options, async (ledger) =>
    ledger.groups({ limit, run: await wholeRun(ledger, run), each }),
  );
}
