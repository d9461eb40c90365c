// The verb `usage`: what models used, by day, model, conversation, device or tool.
import { timestampFromMs } from '@bufbuild/protobuf/wkt';
import { Command, Option } from 'commander';
import {
  UsageBy,
  UsageService,
  type UsageSum,
  UsageSumSchema,
} from '../../../gen/bowline/control/v1/usage_service_pb.ts';
import { moneyText } from '../../base/money-text.ts';
import { controlSide, type GlobalOptions, using } from '../client.ts';
import { csvLine } from '../csv.ts';
import { barOf } from '../egress-months.ts';
import type { CliIo } from '../io.ts';
import { wideOption } from '../listing.ts';
import { parseLocalTime } from '../local-time.ts';
import { Printer } from '../output.ts';
import { plain } from '../plain.ts';
import type { Column } from '../table.ts';
import { parseCount } from '../units.ts';

const DAY_MS = 24 * 3_600_000;

const BY = {
  day: UsageBy.DAY,
  model: UsageBy.MODEL,
  conversation: UsageBy.CONVERSATION,
  device: UsageBy.DEVICE,
  tool: UsageBy.TOOL,
} as const;

interface UsageOptions extends GlobalOptions {
  by: keyof typeof BY;
  since?: number;
  days: number;
  wide?: boolean;
  csv?: boolean;
  json?: boolean;
}

export function usageVerb(io: CliIo): Command {
  return new Command('usage')
    .description('Show what models used, and what it cost')
    .addOption(new Option('--by <what>', 'sum up by').choices(Object.keys(BY)).default('model'))
    .addOption(
      new Option('--since <time>', 'from then on, e.g. 2026-11-01').argParser(parseLocalTime).conflicts('days'),
    )
    .addOption(new Option('--days <count>', 'of the last days').argParser(parseCount(3_660)).default(30))
    .addOption(wideOption())
    .addOption(new Option('--csv', 'a table for spreadsheets').conflicts('json'))
    .option('--json', 'print one JSON array')
    .addHelpText(
      'after',
      '\nDays are those of UTC. By day the oldest is first, else the dearest.\n\nExamples:\n  $ bowline usage\n  $ bowline usage --by day --days 7\n  $ bowline usage --by conversation --since 2026-11-01\n  $ bowline usage --by day --csv > usage.csv',
    )
    .action((_o, command: Command) => usage(io, command.optsWithGlobals<UsageOptions>()));
}

async function usage(io: CliIo, options: UsageOptions): Promise<void> {
  const out = new Printer(io.stdout, io.env);
  const startTime = timestampFromMs(options.since ?? Date.now() - options.days * DAY_MS);
  const { sums } = await using(controlSide(io, options), (control) =>
    control.client(UsageService).getUsage({ startTime, by: BY[options.by] }),
  );
  if (options.json) return out.json(sums.map((sum) => plain(UsageSumSchema, sum)));
  if (options.csv) {
    out.raw(csvLine([options.by, 'title', 'provider', 'model', 'jobs', 'tokens_in', 'tokens_out', 'cost']));
    for (const sum of sums) out.raw(csvLine(cellsOf(sum)));
    return;
  }
  out.table([...named(options.by), ...counted(sums)], sums, {
    none: 'no use of models in that time',
    wide: options.wide,
  });
}

const cellsOf = (sum: UsageSum): string[] => [
  sum.key,
  sum.title,
  sum.provider,
  sum.model,
  `${sum.jobs}`,
  `${sum.inputTokens}`,
  `${sum.outputTokens}`,
  moneyText(sum.costMicros),
];

/** What a sum is of. */
function named(by: keyof typeof BY): Column<UsageSum>[] {
  if (by === 'model')
    return [
      { heading: 'provider', text: (sum) => sum.provider || NOT_TOLD, least: 8 },
      { heading: 'model', text: (sum) => sum.model || NOT_TOLD, least: 12 },
    ];
  const none = by === 'conversation' || by === 'device' ? `(no ${by})` : NOT_TOLD;
  return [
    { heading: by, text: ({ title, key }) => (by === 'tool' ? shortMethod(key) : title || key) || none, least: 12 },
  ];
}

const NOT_TOLD = '(not told)';

const shortMethod = (method: string): string => method.replace(/^bowline\.capability\./, '');

function counted(sums: readonly UsageSum[]): Column<UsageSum>[] {
  const isPaid = sums.some(({ costMicros }) => costMicros > 0n);
  const part = (sum: UsageSum) => Number(isPaid ? sum.costMicros : sum.inputTokens + sum.outputTokens);
  const most = Math.max(...sums.map(part));
  return [
    { heading: 'jobs', text: (sum) => `${sum.jobs}`, isNumber: true, leaves: 2 },
    { heading: 'tokens in', text: (sum) => `${sum.inputTokens}`, isNumber: true, leaves: 1 },
    { heading: 'tokens out', text: (sum) => `${sum.outputTokens}`, isNumber: true, leaves: 1 },
    { heading: 'cost', text: (sum) => moneyText(sum.costMicros), isNumber: true },
    // Of money; where nothing is paid, of tokens.
    { heading: isPaid ? 'of cost' : 'of tokens', text: (sum) => barOf(part(sum), most), least: 8, leaves: 3 },
  ];
}
