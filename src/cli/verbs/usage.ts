// The verb `usage`: what models used, by provider and model.
import { timestampFromMs } from '@bufbuild/protobuf/wkt';
import { Command, Option } from 'commander';
import { UsageService, type UsageSum, UsageSumSchema } from '../../../gen/bowline/control/v1/usage_service_pb.ts';
import { controlSide, type GlobalOptions, using } from '../client.ts';
import type { CliIo } from '../io.ts';
import { wideOption } from '../listing.ts';
import { Printer } from '../output.ts';
import { plain } from '../plain.ts';
import type { Column } from '../table.ts';
import { parseCount } from '../units.ts';

const DAY_MS = 24 * 3_600_000;

interface UsageOptions extends GlobalOptions {
  days: number;
  wide?: boolean;
  json?: boolean;
}

export function usageVerb(io: CliIo): Command {
  return new Command('usage')
    .description('Show what models used, by provider and model, the dearest first')
    .addOption(new Option('--days <count>', 'of the last days').argParser(parseCount(3_660)).default(30))
    .addOption(wideOption())
    .option('--json', 'print one JSON array')
    .addHelpText('after', '\nExamples:\n  $ bowline usage\n  $ bowline usage --days 7 --json')
    .action((_o, command: Command) => usage(io, command.optsWithGlobals<UsageOptions>()));
}

async function usage(io: CliIo, options: UsageOptions): Promise<void> {
  const out = new Printer(io.stdout, io.env);
  const startTime = timestampFromMs(Date.now() - options.days * DAY_MS);
  const { sums } = await using(controlSide(io, options), (control) =>
    control.client(UsageService).getUsage({ startTime }),
  );
  if (options.json) return out.json(sums.map((sum) => plain(UsageSumSchema, sum)));
  const columns: Column<UsageSum>[] = [
    { heading: 'provider', text: (sum) => sum.provider },
    { heading: 'model', text: (sum) => sum.model, least: 16 },
    { heading: 'jobs', text: (sum) => `${sum.jobs}`, isNumber: true },
    { heading: 'tokens in', text: (sum) => `${sum.inputTokens}`, isNumber: true },
    { heading: 'tokens out', text: (sum) => `${sum.outputTokens}`, isNumber: true },
    { heading: 'cost', text: (sum) => `${Number(sum.costMicros) / 1e6}`, isNumber: true },
  ];
  out.table(columns, sums, { none: 'no use of models in that time', wide: options.wide });
}
