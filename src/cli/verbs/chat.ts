// The verb `chat`: one conversation, ask by ask.

import { Command, Option } from 'commander';
import { LocalService } from '../../../gen/bowline/local/v1/local_pb.ts';
import { isSensitiveId } from '../../base/ids.ts';
import { awaitStart } from '../await-start.ts';
import { ChatSession, previewShares, sensitiveAnswer } from '../chat-session.ts';
import { type GlobalOptions, localSide, using } from '../client.ts';
import { inOption, noDocsOption } from '../collection-options.ts';
import type { CliIo } from '../io.ts';
import { knownConversation } from '../known-conversation.ts';
import { LineReader } from '../line-reader.ts';
import { Printer } from '../output.ts';
import { mustBeFewShares } from '../pick-shares.ts';
import { modelText } from '../run-printer.ts';
import { parseAskTime, parseDuration } from '../units.ts';

interface ChatVerbOptions extends GlobalOptions {
  share: string[];
  in: string[];
  docs: boolean;
  sensitive?: boolean;
  conversation?: string;
  timeout?: number;
  wait?: number;
}

export function chatVerb(io: CliIo): Command {
  return new Command('chat')
    .description('Talk about the files of this machine')
    .addOption(
      new Option('--share <glob>', 'share matching files for every ask; path#L10-L40 for lines (repeatable)')
        .argParser((value: string, all: string[]) => [...all, value])
        .default([], 'nothing'),
    )
    .addOption(inOption())
    .addOption(noDocsOption())
    .option('--sensitive', 'answered on this box alone; nothing of the conversation leaves, now or later')
    .option('-c, --conversation <conversation>', 'continue this conversation')
    .addOption(
      new Option('--wait <time>', 'most time to wait for an answer; after it the ask goes on by itself').argParser(
        parseDuration,
      ),
    )
    .addOption(
      new Option(
        '--timeout <time>',
        'most time that an ask lives, at most 24h; after it the ask itself ends',
      ).argParser(parseAskTime),
    )
    .addHelpText('after', "\nExamples:\n  $ bowline chat\n  $ bowline chat --share 'notes/*.md'\n\nIn it: /help")
    .action((_o, command: Command) => chat(io, command.optsWithGlobals<ChatVerbOptions>()));
}

async function chat(io: CliIo, options: ChatVerbOptions): Promise<void> {
  mustBeFewShares(options.share);
  const out = new Printer(io.stdout, io.env);
  const err = new Printer(io.stderr, io.env);
  await awaitStart(io, options, undefined);
  await using(localSide(io, options), async (edge) => {
    const conversation = options.conversation ? await knownConversation(io, options, edge, options.conversation) : '';
    await previewShares({ edge, io }, options.share);
    const status = await edge.client(LocalService).getStatus({});
    const { model, deviceName } = status;
    const sensitive = options.sensitive === true || isSensitiveId(conversation);
    const who = sensitive ? sensitiveAnswer(status) : model ? `answers: ${modelText(model)}` : 'no model answers now';
    err.line(`${deviceName || 'this box'}; ${who}; /help`, 'dim');
    const lines = new LineReader(io);
    try {
      await new ChatSession({
        io,
        edge,
        lines,
        out,
        err,
        conversation,
        shares: options.share,
        collections: options.in,
        noCollections: !options.docs,
        sensitive,
        timeoutMs: options.timeout,
        waitMs: options.wait,
        model: model ? modelText(model) : '',
      }).run();
    } finally {
      lines.close();
    }
  });
}
