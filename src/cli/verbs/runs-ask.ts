// The verb `runs ask`: asks the control plane, without a box of one's own, and streams the run.
import { create } from '@bufbuild/protobuf';
import { durationFromMs } from '@bufbuild/protobuf/wkt';
import { Command, Option } from 'commander';
import { AskRequestSchema as ControlAskRequestSchema } from '../../../gen/bowline/control/v1/run_service_pb.ts';
import { newId } from '../../base/ids.ts';
import { controlSide, type GlobalOptions, using } from '../client.ts';
import { leftOpen } from '../closing.ts';
import { askControl } from '../control-ask.ts';
import { conversationId } from '../find-id.ts';
import type { CliIo } from '../io.ts';
import { factsOfBox } from '../known-facts.ts';
import { liveLine } from '../live-line.ts';
import { maxCostOption } from '../max-cost-option.ts';
import { Printer } from '../output.ts';
import { RunPrinter } from '../run-printer.ts';
import { showAsk } from '../show-ask.ts';
import { mustBeAlone, textOfAsk } from '../text-of-ask.ts';
import { parseAskTime, parseDuration } from '../units.ts';
import { deviceId } from './devices.ts';

interface AskOptions extends GlobalOptions {
  device?: string;
  conversation?: string;
  timeout?: number;
  tier?: string;
  better?: boolean;
  wait?: number | false;
  maxCost?: bigint;
  json?: boolean;
  verbose?: boolean;
}

const EXAMPLES = `
The run has no share: of the files of a device it sees names and no content. To share files, ask on the box, with bowline ask --share.
Without --device it uses no device at all. Ctrl-C cancels the run; a second one leaves it running.

Examples:
  $ bowline runs ask 'What is the capital of France?'
  $ bowline runs ask --device kitchen-pi 'Which files are in notes?'
  $ bowline runs ask -c 0190f3c2-... --json 'And of Italy?'
  $ bowline runs ask --no-wait 'Summarise the week'                 prints the run id and leaves

Exit codes: 0 answered, 2 usage, 4 goes on without this command, 5 refused, 6 failed, 7 timed out.`;

export function askCommand(io: CliIo): Command {
  return new Command('ask')
    .description('Ask over the control plane, also where no edge runs, and stream the answer')
    .argument('[text...]', 'what you ask, in quotes; - or nothing: what comes on standard input')
    .option('--device <device>', 'id or name of the device whose tools it may use; default: none')
    .option('-c, --conversation <conversation>', 'go on with this conversation')
    .addOption(
      new Option(
        '--wait <time>',
        'most time that this command waits, like 30s or 2m; after it the ask goes on without this command',
      ).argParser(parseDuration),
    )
    .option('--no-wait', 'leave as soon as the run is recorded')
    .addOption(
      new Option(
        '--timeout <time>',
        'most time that the ask lives, at most 24h; after it the ask itself ends',
      ).argParser(parseAskTime),
    )
    .addOption(maxCostOption())
    .option('--tier <name>', 'begin with this tier of the routing rules, and not with the cheapest')
    .option('--better', 'begin one tier up')
    .option('--verbose', 'show each job')
    .option('--json', 'print one JSON object, as `bowline ask` does')
    .addHelpText('after', EXAMPLES)
    .action((words: string[], _o, command: Command) => ask(io, words, command.optsWithGlobals<AskOptions>()));
}

async function ask(io: CliIo, words: string[], options: AskOptions): Promise<void> {
  const text = await textOfAsk(words, io);
  await mustBeAlone(words, io);
  const request = create(ControlAskRequestSchema, {
    text,
    conversation: options.conversation ?? '',
    device: options.device ?? '',
    requestId: newId(),
    maxCostMicros: options.maxCost ?? 0n,
    tier: options.tier ?? '',
    better: options.better === true,
    ...(options.timeout === undefined ? {} : { timeout: durationFromMs(options.timeout) }),
  });
  const out = new Printer(io.stdout, io.env);
  const err = new Printer(io.stderr, io.env);
  const printer = new RunPrinter(options.json ? new Printer({ write: () => true }, io.env) : out, err, {
    verbose: options.verbose,
    live: liveLine(io),
  });
  const result = await using(controlSide(io, options), async (control) =>
    askControl({
      control,
      request: {
        ...request,
        conversation: await conversationId(control, request.conversation),
        device: await deviceId(control, request.device),
      },
      printer,
      facts: factsOfBox(io, options),
      onInterrupt: io.onInterrupt,
      wait: options.wait,
    }),
  );
  showAsk(io, { out, printer }, result, options);
  if (!result.ended?.outcome) leftOpen(err, result);
}
