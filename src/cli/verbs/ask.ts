// The verb `ask`: one ask, streamed, with what ran, what it rests on and what stayed on the box.
import { create } from '@bufbuild/protobuf';
import { durationFromMs } from '@bufbuild/protobuf/wkt';
import { Command, Option } from 'commander';
import { type AskRequest, AskRequestSchema } from '../../../gen/bowline/local/v1/local_pb.ts';
import { AppError } from '../../base/errors.ts';
import { newId } from '../../base/ids.ts';
import { askedThere } from '../approvals/asked-approvals.ts';
import { type AskResult, askJson, exitOfAsk, notAskedBefore, unsharedOf } from '../ask-result.ts';
import { awaitStart } from '../await-start.ts';
import { askedBefore } from '../better.ts';
import { type GlobalOptions, localSide, type Side, using } from '../client.ts';
import { leftOpen, pathOfSource, statusOf, stayedHome } from '../closing.ts';
import { inOption, noDocsOption } from '../collection-options.ts';
import { excludeOption, gitignoreOption } from '../ignore-options.ts';
import type { CliIo } from '../io.ts';
import { knownConversation } from '../known-conversation.ts';
import { linksOf } from '../links.ts';
import { liveLine } from '../live-line.ts';
import { maxCostOption } from '../max-cost-option.ts';
import { namingMissing } from '../missing-path.ts';
import { offeredShares } from '../offered-shares.ts';
import { Printer } from '../output.ts';
import { canPick, Keys, MAX_SHARES, mustBeFewShares, pickShares } from '../pick-shares.ts';
import { runAsk } from '../run-ask.ts';
import { RunPrinter, type StayedLine } from '../run-printer.ts';
import { parseShare } from '../shares.ts';
import { pipedBeside, textOfAsk } from '../text-of-ask.ts';
import { parseAskTime, parseDuration } from '../units.ts';
import { sharesFor } from '../withheld-text.ts';

interface AskOptions extends GlobalOptions {
  share: string[];
  exclude: string[];
  gitignore?: boolean;
  shareSecrets?: boolean;
  in: string[];
  docs: boolean;
  sensitive?: boolean;
  stdin?: boolean;
  json?: boolean;
  askToShare?: boolean;
  verbose?: boolean;
  conversation?: string;
  timeout?: number;
  maxCost?: bigint;
  tier?: string;
  better?: boolean;
  wait?: number | false;
}

const EXAMPLES = `
Nothing of a file's content leaves the box unless it is shared or was added with docs add; without that the model sees names and
nothing of what they say.

Examples:
  $ bowline ask 'Which of my notes are about the launch?'
  $ bowline ask --share 'notes/*.md' 'When is the launch?'          one --share takes one quoted glob
  $ bowline ask --share 'report.md#L10-L40' 'Summarise this part'
  $ bowline ask --in docs 'Who leads the project?'                  from what was added by: bowline docs add
  $ bowline ask -c 0190f3c2-... 'And who is in charge?'             goes on with a conversation
  $ bowline ask --better                                            asks the last question again, one tier up
  $ bowline ask --no-wait 'Summarise the week'                      prints the run id and leaves
  $ bowline ask --wait 30s 'Summarise the week'                     waits for 30 s; then the ask goes on by itself
  $ bowline ask --timeout 2h --no-wait 'Is it Friday?'              nobody answers it after two hours
  $ bowline ask --sensitive 'Which clinic did I write to?'          the question itself does not leave this box
  $ git log -20 | bowline ask 'Summarise this'                      shares what is piped in, for this run
  $ bowline ask - < question.txt                                    the question itself, from a file or a pipe

Exit codes: 0 answered, 2 usage, 3 waiting for an approval, 4 goes on without this command, 5 refused, 6 failed, 7 timed out,
8 answered, but a file that was to be shared could not be read, its share ended before it was, or it
  does not fit in what may leave on one day.`;

export function askVerb(io: CliIo): Command {
  return new Command('ask')
    .description('Ask a question about the files of this machine')
    .argument(
      '[text...]',
      'what you ask, in quotes; - or nothing: what comes on standard input; beside a text that is shared',
    )
    .addOption(
      new Option(
        '--share <glob>',
        'share the content of matching files for this one run; path#L10-L40 for lines (repeatable)',
      )
        .argParser((value: string, all: string[]) => [...all, value])
        .default([], 'nothing'),
    )
    .option('--stdin', 'wait for what is piped in beside the text, however late it begins')
    .addOption(excludeOption())
    .addOption(gitignoreOption())
    .option(
      '--share-secrets',
      'share secrets, too: else values that look like one are masked, and a file with a key is left out',
    )
    .addOption(inOption())
    .addOption(noDocsOption())
    .option(
      '--sensitive',
      'answered on this box alone, by its rules or the model that config.yaml names; nothing of it leaves, now or later',
    )
    .option('-c, --conversation <conversation>', 'continue this conversation')
    .addOption(
      new Option(
        '--wait <time>',
        'most time that this command waits, like 30s or 2m; after it the ask goes on without this command',
      ).argParser(parseDuration),
    )
    .option('--no-wait', 'leave as soon as the ask is queued')
    .addOption(
      new Option(
        '--timeout <time>',
        'most time that the ask lives, at most 24h; after it the ask itself ends, also one that was not sent yet',
      ).argParser(parseAskTime),
    )
    .addOption(maxCostOption())
    .option('--tier <name>', 'begin with this tier of the routing rules, and not with the cheapest')
    .option(
      '--better',
      'begin one tier up; without a text: ask the last question again, one tier above the one that answered it',
    )
    .option('--ask-to-share', 'the run waits for your yes where it needs what is not shared; the default at a terminal')
    .option('--no-ask-to-share', 'nothing is waited for: what is not shared stays on the box')
    .option('--verbose', 'show each job, and each file and field that was not shared')
    .option('--json', 'print one JSON object')
    .addHelpText('after', EXAMPLES)
    .action((words: string[], _options, command: Command) => ask(io, words, command.optsWithGlobals<AskOptions>()));
}

async function ask(io: CliIo, words: string[], options: AskOptions): Promise<void> {
  mustBeFewShares(options.share);
  const isAgain = options.better === true && words.length === 0;
  let text = isAgain ? '' : await textOfAsk(words, io);
  mustShareNothing(options);
  const piped = isAgain ? new Uint8Array() : await pipedBeside(words, io, options.stdin);
  let shares = options.share.map((value) => parseShare(value, io));
  let conversation = options.conversation ?? '';
  await awaitStart(io, options, options.wait);
  await using(localSide(io, options), async (edge) => {
    if (conversation) conversation = await knownConversation(io, options, edge, conversation);
    let betterThan = '';
    if (isAgain) ({ run: betterThan, conversation, text } = await askedBefore(io, options, edge, conversation));
    for (;;) {
      const printer = printerOf(io, options);
      const { wait, timeout } = options;
      const asked = askedThere(io, options.json);
      const asksToShare = options.askToShare ?? (asked !== undefined && wait !== false);
      const result = await runAsk({
        edge,
        request: requestOf({ text, conversation, shares, piped, asksToShare, betterThan }, options),
        printer,
        onInterrupt: io.onInterrupt,
        asked,
        wait,
        timeoutMs: timeout,
      }).catch((error: unknown) => {
        throw namingMissing(error, options.share, io);
      });
      const chosen = await show(io, { edge, printer, result, text, options });
      if (chosen.length === 0) return;
      conversation = result.conversation;
      shares = [...shares, ...chosen.map((value) => parseShare(value, io))].slice(-MAX_SHARES);
    }
  });
}

type Asked = Pick<AskRequest, 'text' | 'conversation' | 'shares' | 'piped' | 'asksToShare' | 'betterThan'>;

const requestOf = (asked: Asked, options: AskOptions): AskRequest =>
  create(AskRequestSchema, {
    ...asked,
    excludes: options.exclude,
    gitignore: options.gitignore === true,
    shareSecrets: options.shareSecrets === true,
    requestId: newId(),
    collections: options.in,
    noCollections: !options.docs,
    sensitive: options.sensitive === true,
    maxCostMicros: options.maxCost ?? 0n,
    tier: options.tier ?? '',
    better: options.better === true,
    ...(options.timeout === undefined ? {} : { timeout: durationFromMs(options.timeout) }),
  });

/** What a sensitive ask reads is on this box; there is nobody to share it with. Throws USAGE. */
function mustShareNothing({ sensitive, share, in: collections, tier, better }: AskOptions): void {
  if (sensitive && (tier !== undefined || better))
    throw new AppError('USAGE', { what: 'a sensitive ask is answered on this box; there are no tiers here' });
  if (!sensitive || (share.length === 0 && collections.length === 0)) return;
  throw new AppError('USAGE', {
    what: 'with --sensitive nothing is shared and no collection is searched: it reads the files of this box as they are; leave --share and --in away',
  });
}

/** With `--json` nothing is printed but the object; news of what is waited for goes to stderr all the same. */
function printerOf(io: CliIo, { json, verbose }: AskOptions): RunPrinter {
  const out = new Printer(json ? { write: () => true } : io.stdout, io.env);
  return new RunPrinter(out, new Printer(io.stderr, io.env), { verbose, live: liveLine(io) });
}

/** Said at the end of a sensitive ask. */
const NOTHING_LEFT: StayedLine = { text: 'nothing left this box', style: 'dim' };

interface Shown {
  readonly edge: Side;
  readonly printer: RunPrinter;
  readonly result: AskResult;
  readonly text: string;
  readonly options: AskOptions;
}

/** Prints what an ask came to, and sets the exit code. Returns what the owner then wants to share, to ask again with. */
async function show(io: CliIo, { edge, printer, result, text, options }: Shown): Promise<string[]> {
  io.exit(exitOfAsk(result, options.share));
  if (options.json) printer.flush();
  const outcome = result.ended?.outcome;
  const out = new Printer(io.stdout, io.env);
  if (!outcome && !options.json && options.wait === false) out.line(result.run);
  if (!outcome) leftOpen(new Printer(io.stderr, io.env), result);
  if (options.json) out.json(askJson(result));
  if (options.json || !outcome) return [];
  printer.answer(outcome);
  const isAbout = outcome.sources.length > 0 || outcome.withheld.length > 0;
  const status = isAbout ? await statusOf(edge) : { roots: [], device: '', deviceName: '' };
  const pick = canPick(io);
  const { verbose } = options;
  const { conversation } = result;
  const { program } = out;
  const offered = await offeredShares(
    edge,
    io,
    sharesFor(notAskedBefore(result, outcome.withheld), status.roots, io.cwd),
    {
      text,
      shared: result.shared?.paths ?? [],
    },
  );
  const about = { program, outcome, offered, conversation, text, verbose, pick };
  const stayed = stayedHome({ ...about, unshared: unsharedOf(result) });
  const link = await linksOf(io.stdout, io.env);
  const lines = [...stayed.lines, ...(verbose && result.answeredBy ? [NOTHING_LEFT] : [])];
  const close = () => printer.closing(outcome, { stayed: lines, link, pathOf: pathOfSource(status) });
  if (!pick || stayed.shares.length === 0) {
    close();
    return [];
  }
  const keys = await Keys.take(io);
  try {
    close();
    if (!(await keys.nextIs('s'))) return [];
  } finally {
    keys.giveBack();
  }
  return await pickShares(stayed.shares, io);
}
