// The verb `workers`: lists those that are connected, and makes keys for more. (`worker` runs one.)
import { Command, Option } from 'commander';
import {
  type Worker,
  WorkerPoolService,
  WorkerSchema,
} from '../../../gen/bowline/control/v1/worker_pool_service_pb.ts';
import { controlSide, type GlobalOptions, using } from '../client.ts';
import { timeColumn } from '../columns.ts';
import type { CliIo } from '../io.ts';
import { type ListOptions, lsCommand, pages } from '../listing.ts';
import { manifestText } from '../manifest-text.ts';
import { Printer } from '../output.ts';
import { ownersOutput } from '../owners-output.ts';
import { plain } from '../plain.ts';
import { modelText } from '../run-printer.ts';
import type { Column } from '../table.ts';
import { listed } from '../watched-list.ts';

interface KeyOptions extends GlobalOptions {
  package: string[];
  pool?: string;
  json?: boolean;
}

export function workersVerb(io: CliIo): Command {
  const workers = new Command('workers').description('List workers, or make a key for one');
  workers.addCommand(
    lsCommand('List the workers that are connected, by name', 100)
      .addHelpText('after', '\nExamples:\n  $ bowline workers ls\n  $ bowline workers ls --json')
      .action(listed(io, list)),
  );
  workers.addCommand(
    new Command('create-key')
      .description('Make a key with which workers connect; it is shown once')
      .argument('<name>', 'name of the key')
      .addOption(
        new Option('--package <package>', 'capability that they may serve, like llm (repeatable)')
          .argParser((value: string, all: string[] = []) => [...all, value])
          .makeOptionMandatory(),
      )
      .option('--pool <pool>', 'pool that they belong to')
      .option('--json', 'print one JSON object')
      .addHelpText('after', '\nExamples:\n  $ bowline workers create-key gpu-box --package llm > worker.key')
      .action((name: string, _o, command: Command) => createKey(io, name, command.optsWithGlobals())),
  );
  return workers;
}

async function list(io: CliIo, options: GlobalOptions & ListOptions): Promise<void> {
  const out = new Printer(io.stdout, io.env);
  const all = await using(controlSide(io, options), (control) => {
    const service = control.client(WorkerPoolService);
    return pages<Worker>(
      options.limit,
      async (pageSize, pageToken) => {
        const { workers, nextPageToken } = await service.listWorkers({ pageSize, pageToken });
        return { items: workers, nextPageToken };
      },
      io,
    );
  });
  if (options.json) {
    out.json(all.map((worker) => plain(WorkerSchema, worker)));
    return;
  }
  const columns: Column<Worker>[] = [
    { heading: 'worker', text: ({ name }) => name, least: 12 },
    { heading: 'state', text: stateText },
    { heading: 'busy', text: ({ busy, slots }) => `${busy}/${slots}` },
    timeColumn('last seen', ({ lastSeenTime }) => lastSeenTime, { leaves: 2 }),
    {
      heading: 'models',
      text: ({ models }) => models.map((model) => modelText({ ...model, note: '' })).join(', '),
      least: 14,
    },
    { heading: 'serves', text: ({ manifest }) => manifestText(manifest), least: 12, leaves: 1 },
  ];
  const none = 'no workers are connected; start one with: bowline worker --serve llm';
  out.table(columns, all, { none, wide: options.wide });
}

const stateText = ({ draining, restReason }: Worker): string =>
  draining ? 'leaving' : restReason ? `rests: ${restReason}` : 'connected';

async function createKey(io: CliIo, name: string, options: KeyOptions): Promise<void> {
  const packages = options.package.map((one) => (/^\w+$/.test(one) ? `bowline.capability.${one}.v1` : one));
  const { key } = await using(controlSide(io, options), (control) =>
    control.client(WorkerPoolService).createWorkerKey({ name, packages, pool: options.pool ?? '' }),
  );
  const out = new Printer(io.stdout, io.env);
  ownersOutput(io);
  if (options.json) out.json({ name, packages, pool: options.pool ?? '', key });
  else out.line(key);
}
