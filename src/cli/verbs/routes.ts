// The verb `routes`: the tiers of models, where a question would go, and what the rules come to on a recorded set.
import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { Command, Option } from 'commander';
import {
  type ExplainRouteResponse,
  ExplainRouteResponseSchema,
  type GetRoutesResponse,
  GetRoutesResponseSchema,
  RouteService,
  type TierInfo,
} from '../../../gen/bowline/control/v1/route_service_pb.ts';
import { AppError } from '../../base/errors.ts';
import { moneyText } from '../../base/money-text.ts';
import { type RecordedSet, recordedSet, type SetScore, scoreSet } from '../../contract/routes/recorded.ts';
import { type RouteRules, routeRules } from '../../contract/routes/rules.ts';
import { UP_REASONS } from '../../contract/routes/verdict.ts';
import { controlSide, type GlobalOptions, using } from '../client.ts';
import { conversationId } from '../find-id.ts';
import type { CliIo } from '../io.ts';
import { wideOption } from '../listing.ts';
import { Printer } from '../output.ts';
import { plain } from '../plain.ts';
import type { Column } from '../table.ts';
import { countText, elapsedText } from '../units.ts';
import { deviceId } from './devices.ts';

interface LsOptions extends GlobalOptions {
  wide?: boolean;
  json?: boolean;
}

interface TestOptions extends LsOptions {
  device?: string;
  conversation?: string;
  tier?: string;
  better?: boolean;
  to: string[];
  recorded?: string;
  rules?: string;
}

const EXAMPLES = `
Nothing is asked and nothing is recorded. The cost is that of the first turn, at most: what a budget would have to reserve.

Examples:
  $ bowline routes test 'When is the launch?'
  $ bowline routes test --better --device kitchen-pi '证明这一点'
  $ bowline routes test --recorded answers.jsonl                     by the rules that hold now
  $ bowline routes test --recorded answers.jsonl --rules new.yaml    by rules that do not hold yet`;

export function routesVerb(io: CliIo): Command {
  const routes = new Command('routes').description('Show the tiers of models, and try where a question would go');
  routes.addCommand(
    new Command('ls')
      .description('List the tiers of the routing rules, cheapest first, with who serves them')
      .addOption(wideOption())
      .option('--json', 'print one JSON object')
      .addHelpText('after', '\nExamples:\n  $ bowline routes ls')
      .action((_o, command: Command) => list(io, command.optsWithGlobals<LsOptions>())),
  );
  routes.addCommand(
    new Command('test')
      .description('Tell which tier, model and worker would answer a question, why, and what it would cost at most')
      .argument('[text...]', 'the question')
      .option('--device <device>', 'as if this device asked; id or name')
      .option('-c, --conversation <conversation>', 'as if it went on with this conversation')
      .option('--tier <name>', 'as if it began at this tier')
      .option('--better', 'as if it began one tier up')
      .addOption(
        new Option('--to <provider>', 'only this provider may see it, or local (repeatable)')
          .argParser((value: string, all: string[]) => [...all, value])
          .default([], 'any'),
      )
      .option('--recorded <file>', 'instead of a question: a recorded set of answers, judged by the rules')
      .option('--rules <file>', 'with --recorded: the rules of this file, not those that hold')
      .addOption(wideOption())
      .option('--json', 'print one JSON object')
      .addHelpText('after', EXAMPLES)
      .action((words: string[], _o, command: Command) => test(io, words, command.optsWithGlobals<TestOptions>())),
  );
  return routes;
}

async function list(io: CliIo, options: LsOptions): Promise<void> {
  const out = new Printer(io.stdout, io.env);
  const routes = await using(controlSide(io, options), (control) => control.client(RouteService).getRoutes({}));
  if (options.json) return out.json(plain(GetRoutesResponseSchema, routes));
  if (routes.problem) new Printer(io.stderr, io.env).line(`those of before hold: ${routes.problem}`, 'red');
  const none = `no routing rules: the default model of the cheapest worker answers; rules would stand in ${routes.file}`;
  out.table(tierColumns(), routes.tiers, { none, wide: options.wide });
  if (routes.rules.length > 0) out.line();
  for (const [n, rule] of routes.rules.entries()) out.line(`rule ${n + 1}: ${ruleText(rule)} → ${rule.tier}`);
}

function tierColumns(): Column<TierInfo>[] {
  return [
    { heading: 'tier', text: ({ name }) => name || '(none)', least: 8 },
    { heading: 'model', text: modelOf, least: 8 },
    { heading: 'goes up', text: upText, least: 10 },
    { heading: 'served by', text: servedBy, least: 10, leaves: 1 },
  ];
}

const modelOf = ({ model, require }: TierInfo): string => {
  const labels = Object.entries(require).map(([label, value]) => `${label}=${value}`);
  return [model || 'default', ...labels].join(' ');
};

function upText({ below, on, afterMs }: TierInfo): string {
  const parts = [below > 0 ? `under ${below}` : '', afterMs > 0n ? `after ${elapsedText(Number(afterMs))}` : '', ...on];
  return parts.filter(Boolean).join(', ') || 'never';
}

function servedBy({ candidates, able }: TierInfo): string {
  const names = candidates.filter(({ whyNot }) => whyNot === '').map(({ worker }) => worker);
  if (names.length > 0) return names.join(', ');
  return able ? 'busy workers' : 'nobody';
}

function ruleText({ longerThan, contains, device }: GetRoutesResponse['rules'][number]): string {
  const parts = [
    longerThan > 0n ? `longer than ${longerThan} characters` : '',
    contains.length > 0 ? `contains ${contains.join(' or ')}` : '',
    device === '' ? '' : `asked by ${device}`,
  ];
  return parts.filter(Boolean).join(', ') || 'any question';
}

async function test(io: CliIo, words: string[], options: TestOptions): Promise<void> {
  const text = words.join(' ').trim();
  if (options.recorded !== undefined) {
    if (text !== '') throw new AppError('USAGE', { what: '--recorded has its own questions; leave the text away' });
    return testRecorded(io, options.recorded, options);
  }
  if (options.rules !== undefined) throw new AppError('USAGE', { what: '--rules goes with --recorded' });
  if (text === '') throw new AppError('USAGE', { what: 'say the question, or --recorded FILE' });
  const out = new Printer(io.stdout, io.env);
  const found = await using(controlSide(io, options), async (control) =>
    control.client(RouteService).explainRoute({
      text,
      device: await deviceId(control, options.device ?? ''),
      conversation: await conversationId(control, options.conversation ?? ''),
      tier: options.tier ?? '',
      better: options.better === true,
      recipients: options.to,
    }),
  );
  if (options.json) return out.json(plain(ExplainRouteResponseSchema, found));
  printRoute(out, found);
}

function printRoute(out: Printer, { tier: chosen, why, tiers, waitsFor }: ExplainRouteResponse): void {
  out.line(`${chosen === '' ? 'no tier' : `tier ${chosen}`}: ${why}`);
  if (waitsFor) out.line(`waits for: ${waitsFor}`, 'yellow');
  for (const tier of tiers) {
    const cost = tier.able ? `, at most ${moneyText(tier.mostMicros)}` : '';
    out.line();
    out.line(`${tier.name === chosen ? '→' : ' '} ${tier.name || 'any model'} (${modelOf(tier)})${cost}`);
    for (const { worker, provider, whyNot, chosen: isChosen, freeSlots } of tier.candidates) {
      const free = `could serve it now, ${countText(freeSlots, 'slot')} free`;
      out.line(`    ${worker}${provider ? ` (${provider})` : ''}: ${whyNot || (isChosen ? 'serves it' : free)}`);
    }
    if (tier.candidates.length === 0) out.line('    no worker that serves models is connected');
  }
}

async function testRecorded(io: CliIo, file: string, options: TestOptions): Promise<void> {
  const set = recordedSet(textOf(io, file));
  const rules =
    options.rules === undefined ? await rulesThere(io, options) : routeRules(options.rules, textOf(io, options.rules));
  const scores = scoreSet(set, rules);
  const out = new Printer(io.stdout, io.env);
  if (options.json) {
    const rows = scores.map(({ escalations, ...score }) => ({ ...score, escalations: { ...escalations } }));
    return out.json({ about: set.about, version: rules.version, scores: rows });
  }
  printScores(out, set, scores, options.wide);
}

function printScores(out: Printer, { about, cases }: RecordedSet, scores: readonly SetScore[], wide?: boolean): void {
  out.line(`${countText(cases.length, 'question')}: ${about}`);
  out.line();
  const columns: Column<SetScore>[] = [
    { heading: 'answered', text: ({ name }) => name, least: 12 },
    { heading: 'right', text: ({ right, cases: all }) => `${((100 * right) / all).toFixed(1)} %`, isNumber: true },
    { heading: 'cost', text: ({ micros }) => moneyText(BigInt(micros)), isNumber: true },
    { heading: 'mean', text: ({ meanMs }) => elapsedText(meanMs), isNumber: true },
    { heading: 'p95', text: ({ p95Ms }) => elapsedText(p95Ms), isNumber: true, leaves: 1 },
    { heading: 'went up', text: upsText, least: 8 },
  ];
  out.table(columns, scores, { none: '', wide });
}

/** `61 of 240: 40 confidence, 12 schema`. */
function upsText({ escalations, cases }: SetScore): string {
  const parts = (['confidence', ...UP_REASONS] as const).flatMap((why) =>
    escalations[why] ? [`${escalations[why]} ${why}`] : [],
  );
  const sum = Object.values(escalations).reduce((all, each) => all + each, 0);
  return sum === 0 ? '' : `${sum} of ${cases}: ${parts.join(', ')}`;
}

/** The rules that hold, as far as a recorded set goes. Throws ROUTES_MISSING. */
async function rulesThere(io: CliIo, options: GlobalOptions): Promise<RouteRules> {
  const there = await using(controlSide(io, options), (control) => control.client(RouteService).getRoutes({}));
  if (there.tiers.length === 0) throw new AppError('ROUTES_MISSING');
  return {
    tiers: there.tiers.map(({ name, model, require, below, on, afterMs }) => ({
      name,
      model,
      require,
      below,
      on: UP_REASONS.filter((reason) => on.includes(reason)),
      afterMs: Number(afterMs),
    })),
    rules: there.rules.map(({ longerThan, contains, device, tier }) => ({
      tier,
      longerThan: Number(longerThan),
      contains,
      device,
    })),
    prefer: [],
    warm: 0,
    version: there.version,
  };
}

/** Throws USAGE. */
function textOf(io: CliIo, file: string): string {
  try {
    return readFileSync(resolve(io.cwd, file), 'utf8');
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new AppError('USAGE', { what: `${file} cannot be read: ${why}` }, { cause });
  }
}
