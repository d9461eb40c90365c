// The verb `capabilities`: what can be called, and who serves it now.
import { Command } from 'commander';
import {
  type CapabilityInfo,
  CapabilityInfoSchema,
  RegistryService,
} from '../../../gen/bowline/control/v1/registry_service_pb.ts';
import { controlSide, type GlobalOptions, using } from '../client.ts';
import type { CliIo } from '../io.ts';
import { type ListOptions, lsCommand, pages } from '../listing.ts';
import { Printer } from '../output.ts';
import { plain } from '../plain.ts';
import type { Column } from '../table.ts';
import { listed } from '../watched-list.ts';

export function capabilitiesVerb(io: CliIo): Command {
  const verb = new Command('capabilities').description('List what can be called, and who serves it now');
  return verb.addCommand(
    lsCommand('List capabilities by package', 100)
      .addHelpText('after', '\nExamples:\n  $ bowline capabilities ls\n  $ bowline capabilities ls --json')
      .action(listed(io, list)),
  );
}

async function list(io: CliIo, options: GlobalOptions & ListOptions): Promise<void> {
  const out = new Printer(io.stdout, io.env);
  const all = await using(controlSide(io, options), (control) => {
    const service = control.client(RegistryService);
    return pages<CapabilityInfo>(
      options.limit,
      async (pageSize, pageToken) => {
        const { capabilities, nextPageToken } = await service.listCapabilities({ pageSize, pageToken });
        return { items: capabilities, nextPageToken };
      },
      io,
    );
  });
  if (options.json) return out.json(all.map((each) => plain(CapabilityInfoSchema, each)));
  const columns: Column<CapabilityInfo>[] = [
    { heading: 'package', text: (each) => each.package, least: 28 },
    {
      heading: 'methods',
      text: (each) => each.methods.map(({ name }) => name.slice(name.indexOf('/') + 1)).join(', '),
      least: 12,
    },
    { heading: 'served by', text: (each) => [...each.devices, ...each.workers].join(', ') || 'nobody', least: 10 },
  ];
  out.table(columns, all, { none: 'no capabilities', wide: options.wide });
}
