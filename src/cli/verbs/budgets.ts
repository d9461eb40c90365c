// The verb `budgets`: what may be spent on models, and how much of it is.
import { Command, Option } from 'commander';
import {
  type BudgetInfo,
  BudgetInfoSchema,
  BudgetPeriod,
  BudgetPeriodSchema,
  BudgetScope,
  BudgetScopeSchema,
  BudgetService,
} from '../../../gen/bowline/control/v1/budget_service_pb.ts';
import { AppError } from '../../base/errors.ts';
import { newId } from '../../base/ids.ts';
import { moneyText, parseMoney } from '../../base/money-text.ts';
import { controlSide, type GlobalOptions, using } from '../client.ts';
import { barOf } from '../egress-months.ts';
import type { CliIo } from '../io.ts';
import { wideOption } from '../listing.ts';
import { Printer } from '../output.ts';
import { enumText, plain } from '../plain.ts';
import type { Column } from '../table.ts';
import { timeText } from '../units.ts';

const PERIODS = { day: BudgetPeriod.DAY, week: BudgetPeriod.WEEK, month: BudgetPeriod.MONTH } as const;

interface SetOptions extends GlobalOptions {
  limit?: bigint;
  tokens?: bigint;
  per?: keyof typeof PERIODS;
  device?: string;
  conversation?: string;
  key?: string;
  model?: string;
  warn?: number[];
  json?: boolean;
}

interface LsOptions extends GlobalOptions {
  wide?: boolean;
  json?: boolean;
}

export function budgetsVerb(io: CliIo): Command {
  const budgets = new Command('budgets').description(
    'Bound what models may cost, in money or tokens, and show what is used of it',
  );
  budgets.addCommand(
    new Command('ls')
      .description('List budgets with what is spent and reserved of them')
      .addOption(wideOption())
      .option('--json', 'print one JSON array')
      .action((_o, command: Command) => list(io, command.optsWithGlobals<LsOptions>())),
  );
  const others = ['device', 'conversation', 'key', 'model'];
  const of = (name: string, flags: string, what: string) =>
    new Option(flags, what).conflicts(others.filter((each) => each !== name));
  budgets.addCommand(
    new Command('set')
      .description('Make a budget, or change its limits; one that exists keeps what is not given')
      .argument('<budget>', 'its name: small letters, digits and -')
      .addOption(
        new Option('--limit <money>', 'most money, in the currency of the prices, e.g. 2.50; 0 is no limit').argParser(
          parseMoney,
        ),
      )
      .addOption(new Option('--tokens <count>', 'most tokens, read and written; 0 is no limit').argParser(parseTokens))
      .addOption(
        new Option('--per <period>', 'how long until it begins anew (UTC); default month').choices(
          Object.keys(PERIODS),
        ),
      )
      .addOption(of('device', '--device <device>', 'only what this device asks'))
      .addOption(of('conversation', '--conversation <id>', 'only this conversation'))
      .addOption(of('key', '--key <id>', 'only what is asked with this key'))
      .addOption(of('model', '--model <model>', 'only this model, as NAME or PROVIDER/NAME'))
      .addOption(
        new Option('--warn <percents>', 'shares of it that are told, e.g. 50,80; default 80').argParser(parseShares),
      )
      .option('--json', 'print one JSON object')
      .addHelpText(
        'after',
        '\nA job begins only where each budget that it falls under has room for the most that it may cost; what it did not use is free again with its result.\n\nExamples:\n  $ bowline budgets set all --limit 20\n  $ bowline budgets set kitchen --limit 0.50 --per day --device kitchen-pi',
      )
      .action((id: string, _o, command: Command) => set(io, id, command.optsWithGlobals<SetOptions>())),
  );
  budgets.addCommand(
    new Command('rm')
      .description('Remove a budget')
      .argument('<budget>', 'its name')
      .option('--json', 'print one JSON object')
      .action((id: string, _o, command: Command) => remove(io, id, command.optsWithGlobals<LsOptions>())),
  );
  return budgets;
}

/** Throws USAGE. */
function parseTokens(text: string): bigint {
  if (/^\d{1,15}$/.test(text)) return BigInt(text);
  throw new AppError('USAGE', { what: `${JSON.stringify(text.slice(0, 40))} is not a number of tokens` });
}

/** Throws USAGE. */
function parseShares(text: string): number[] {
  const shares = text.split(',').map(Number);
  if (shares.length <= 8 && shares.every((each) => Number.isInteger(each) && each >= 1 && each <= 100)) return shares;
  throw new AppError('USAGE', { what: `${JSON.stringify(text.slice(0, 40))} is not a list of percents; write 50,80` });
}

async function list(io: CliIo, options: LsOptions): Promise<void> {
  const out = new Printer(io.stdout, io.env);
  const { budgets } = await using(controlSide(io, options), (control) => control.client(BudgetService).listBudgets({}));
  if (options.json) return out.json(budgets.map((each) => plain(BudgetInfoSchema, each)));
  const columns: Column<BudgetInfo>[] = [
    { heading: 'budget', text: ({ id }) => id, least: 8 },
    { heading: 'of', text: ofText, least: 8, leaves: 2 },
    { heading: 'per', text: ({ period }) => enumText(BudgetPeriodSchema, period) },
    { heading: 'limit', text: (budget) => inUnit(budget, budget.limitMicros, budget.limitTokens), isNumber: true },
    { heading: 'spent', text: (budget) => inUnit(budget, budget.spentMicros, budget.spentTokens), isNumber: true },
    {
      heading: 'reserved',
      text: (budget) => inUnit(budget, budget.reservedMicros, budget.reservedTokens),
      isNumber: true,
      leaves: 1,
    },
    { heading: 'used', text: (budget) => barOf(Math.min(shareOfUse(budget), 1), 1), least: 4, leaves: 4 },
    { heading: 'anew', text: ({ resetTime }) => timeText(resetTime).slice(0, 16), leaves: 3 },
  ];
  out.table(columns, budgets, { none: 'no budgets', wide: options.wide });
}

const ofText = ({ scope, subject }: BudgetInfo): string =>
  scope === BudgetScope.TENANT ? 'all' : `${enumText(BudgetScopeSchema, scope)} ${subject}`;

const inUnit = ({ limitMicros, limitTokens }: BudgetInfo, micros: bigint, tokens: bigint): string =>
  [limitMicros > 0n ? moneyText(micros) : '', limitTokens > 0n ? `${tokens} tokens` : ''].filter(Boolean).join(', ');

const shareOfUse = (budget: BudgetInfo): number =>
  Math.max(
    budget.limitMicros > 0n ? Number(budget.spentMicros + budget.reservedMicros) / Number(budget.limitMicros) : 0,
    budget.limitTokens > 0n ? Number(budget.spentTokens + budget.reservedTokens) / Number(budget.limitTokens) : 0,
  );

async function set(io: CliIo, id: string, options: SetOptions): Promise<void> {
  const out = new Printer(io.stdout, io.env);
  const wanted = wantedScope(options);
  const budget = await using(controlSide(io, options), async (control) => {
    const service = control.client(BudgetService);
    const known = (await service.listBudgets({})).budgets.find((each) => each.id === id);
    const terms = {
      id,
      scope: wanted?.scope ?? known?.scope ?? BudgetScope.TENANT,
      subject: wanted?.subject ?? known?.subject ?? '',
      period: options.per ? PERIODS[options.per] : (known?.period ?? BudgetPeriod.MONTH),
      limitMicros: options.limit ?? known?.limitMicros ?? 0n,
      limitTokens: options.tokens ?? known?.limitTokens ?? 0n,
      warnPercent: options.warn ?? known?.warnPercent ?? [80],
    };
    if (terms.limitMicros === 0n && terms.limitTokens === 0n)
      throw new AppError('USAGE', { what: 'a budget needs --limit or --tokens' });
    return (await service.setBudget({ budget: terms, requestId: newId() })).budget;
  });
  if (options.json) return out.json(budget ? plain(BudgetInfoSchema, budget) : {});
  const limit = budget ? inUnit(budget, budget.limitMicros, budget.limitTokens) : '';
  const spent = budget ? inUnit(budget, budget.spentMicros, budget.spentTokens) : '';
  out.line(`${id}: ${limit} per ${enumText(BudgetPeriodSchema, budget?.period ?? 0)}, of which ${spent} is spent`);
}

function wantedScope({ device, conversation, key, model }: SetOptions) {
  if (device !== undefined) return { scope: BudgetScope.DEVICE, subject: device };
  if (conversation !== undefined) return { scope: BudgetScope.CONVERSATION, subject: conversation };
  if (key !== undefined) return { scope: BudgetScope.KEY, subject: key };
  return model === undefined ? undefined : { scope: BudgetScope.MODEL, subject: model };
}

async function remove(io: CliIo, id: string, options: LsOptions): Promise<void> {
  const out = new Printer(io.stdout, io.env);
  await using(controlSide(io, options), (control) =>
    control.client(BudgetService).deleteBudget({ id, requestId: newId() }),
  );
  if (options.json) return out.json({ removed: id });
  out.line(`${id} is removed`);
}
