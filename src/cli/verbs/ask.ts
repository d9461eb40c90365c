// The verb `ask`: one ask, streamed, with what ran, what it rests on and what stayed on the box.
import { create } from '@bufbuild/protobuf';
import { durationFromMs } from '@bufbuild/protobuf/wkt';
import { Command, Option } from 'commander';
import { AskRequestSchema } from '../../../gen/bowline/local/v1/local_pb.ts';
import { newId } from '../../base/ids.ts';
import { unsharedOf } from '../ask-result.ts';
import { type GlobalOptions, localSide, using } from '../client.ts';
import { giveHints, leftOpen } from '../closing.ts';
import type { CliIo } from '../io.ts';
import { mustBeKnown } from '../known-conversation.ts';
import { Printer } from '../output.ts';
import { runAsk } from '../run-ask.ts';
import { RunPrinter } from '../run-printer.ts';
import { parseShare } from '../shares.ts';
import { showAsk } from '../show-ask.ts';
import { textOfAsk } from '../text-of-ask.ts';
import { parseAskTime, parseDuration } from '../units.ts';

interface AskOptions extends GlobalOptions {
  share: string[];
  in: string[];
  docs: boolean;
  json?: boolean;
  verbose?: boolean;
  conversation?: string;
  timeout?: number;
  wait?: number | false;
}

const EXAMPLES = `
Nothing of a file's content leaves the box unless it is shared or was added with docs add; without that the model sees names and
nothing of what they say.

Examples:
  $ bowline ask 'Which of my notes are about the launch?'
  $ bowline ask --share 'notes/*.md' 'When is the launch?'          one --share takes one quoted glob
  $ bowline ask --share 'report.md#L10-L40' 'Summarise this part'
  $ bowline ask --in notes 'Who leads the project?'                 from what was added by: bowline docs add
  $ bowline ask -c 0190f3c2-... 'And who is in charge?'             goes on with a conversation
  $ bowline ask --no-wait 'Summarise the week'                      prints the run id and leaves
  $ bowline ask --wait 30s 'Summarise the week'                     waits for 30 s; then the ask goes on by itself
  $ bowline ask --timeout 2h --no-wait 'Is it Friday?'              nobody answers it after two hours
  $ bowline ask - < question.txt                                    the question itself, from a file or a pipe

Exit codes: 0 answered, 2 usage, 3 waiting for an approval, 4 goes on without this command, 5 refused, 6 failed, 7 timed out,
8 answered, but a file that was to be shared could not be read, or its share ended before it was.`;

export function askVerb(io: CliIo): Command {
  return new Command('ask')
    .description('Ask a question about the files of this machine')
    .argument('[text...]', 'what you ask, in quotes; - or nothing: what comes on standard input')
    .addOption(
      new Option(
        '--share <glob>',
        'share the content of matching files for this one run; path#L10-L40 for lines (repeatable)',
      )
        .argParser((value: string, all: string[]) => [...all, value])
        .default([], 'nothing'),
    )
    .addOption(
      new Option('--in <collection>', 'search only this collection of `docs add` (repeatable)')
        .argParser((value: string, all: string[]) => [...all, value])
        .default([], 'all that the model may see'),
    )
    .option('--no-docs', 'search no collection')
    .option('-c, --conversation <id>', 'continue this conversation')
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
    .option('--verbose', 'list each file and field that was not shared')
    .option('--json', 'print one JSON object')
    .addHelpText('after', EXAMPLES)
    .action((words: string[], _options, command: Command) => ask(io, words, command.optsWithGlobals<AskOptions>()));
}

async function ask(io: CliIo, words: string[], options: AskOptions): Promise<void> {
  const text = await textOfAsk(words, io);
  const request = create(AskRequestSchema, {
    text,
    conversation: options.conversation ?? '',
    shares: options.share.map((value) => parseShare(value, io)),
    requestId: newId(),
    collections: options.in,
    noCollections: !options.docs,
    ...(options.timeout === undefined ? {} : { timeout: durationFromMs(options.timeout) }),
  });
  const out = new Printer(io.stdout, io.env);
  const err = new Printer(io.stderr, io.env);
  const silent = new Printer({ write: () => true }, io.env);
  const printer = new RunPrinter(options.json ? silent : out, err);
  await using(localSide(io, options), async (edge) => {
    if (options.conversation) await mustBeKnown(io, options, edge, options.conversation);
    const result = await runAsk({
      edge,
      request,
      printer,
      onInterrupt: io.onInterrupt,
      wait: options.wait,
      timeoutMs: options.timeout,
    });
    showAsk(io, { out, printer }, result, options);
    const outcome = result.ended?.outcome;
    const { conversation } = result;
    const { verbose } = options;
    if (outcome)
      await giveHints({ edge, err, cwd: io.cwd, outcome, conversation, text, verbose, unshared: unsharedOf(result) });
    else leftOpen(err, result);
  });
}
