// The verb `egress`: the ledger of what left the box.
import { Command } from 'commander';
import { LocalService } from '../../../gen/bowline/local/v1/local_pb.ts';
import { SensitivitySchema } from '../../../gen/bowline/policy/v1/options_pb.ts';
import { type Egress, EgressSchema } from '../../../gen/bowline/run/v1/run_pb.ts';
import { type GlobalOptions, localSide, using } from '../client.ts';
import { egressName, groupedEgress } from '../egress-text.ts';
import type { CliIo } from '../io.ts';
import { type ListOptions, lsCommand, pages } from '../listing.ts';
import { Printer } from '../output.ts';
import { enumText, plain } from '../plain.ts';
import { timeText } from '../units.ts';

export function egressVerb(io: CliIo): Command {
  const egress = new Command('egress').description('List what left this box, from its own ledger');
  egress.addCommand(
    lsCommand('List what left the box, newest first', 100)
      .option('--run <run>', 'only of this run')
      .option('--each', 'one row for each field, as in the ledger; otherwise one for each file of a run')
      .addHelpText(
        'after',
        '\nExamples:\n  $ bowline egress ls\n  $ bowline egress ls --run 0190f3c2-7d3a-7c11-9f00-1b6d0a5c2e11 --json',
      )
      .action((_o, command: Command) => list(io, command.optsWithGlobals())),
  );
  return egress;
}

async function list(io: CliIo, options: GlobalOptions & ListOptions & { run?: string; each?: boolean }): Promise<void> {
  const out = new Printer(io.stdout, io.env);
  const all = await using(localSide(io, options), (edge) => {
    const local = edge.client(LocalService);
    return pages<Egress>(
      options.limit,
      async (pageSize, pageToken) => {
        const { entries, nextPageToken } = await local.listEgress({ pageSize, pageToken, run: options.run ?? '' });
        return { items: entries, nextPageToken };
      },
      io,
    );
  });
  if (options.json) {
    out.json(all.map((entry) => plain(EgressSchema, entry)));
    return;
  }
  const groups = options.each
    ? all.map((entry) => ({ entry, fields: [entry.field], bytes: entry.bytes }))
    : groupedEgress(all);
  const columns: [string, (group: (typeof groups)[number]) => string][] = [
    ['when', ({ entry }) => timeText(entry.createTime)],
    ['path', ({ entry }) => egressName(entry)],
    ['fields', ({ fields }) => fields.join(', ')],
    ['kind', ({ entry }) => enumText(SensitivitySchema, entry.sensitivity)],
    ['bytes', ({ bytes }) => String(bytes)],
    ['to', ({ entry }) => entry.recipients.join(', ')],
    ['grant', ({ entry }) => entry.grant || '-'],
    ...(options.run ? [] : [['run', ({ entry }) => entry.run] as [string, (group: (typeof groups)[number]) => string]]),
  ];
  const rows = groups.map((group) => columns.map(([, text]) => text(group)));
  out.table(
    columns.map(([heading]) => heading),
    rows,
    'nothing left the box',
  );
}
