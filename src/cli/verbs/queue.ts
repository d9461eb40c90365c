// The verb `queue`: asks of this box that are not answered yet.
import { Command } from 'commander';
import { LocalService, type QueuedAsk, QueuedAskSchema } from '../../../gen/bowline/local/v1/local_pb.ts';
import { type GlobalOptions, localSide, type Side, using } from '../client.ts';
import type { CliIo } from '../io.ts';
import { allPages } from '../listing.ts';
import { abbreviate, Printer } from '../output.ts';
import { plain } from '../plain.ts';
import { timeText } from '../units.ts';

export function queueVerb(io: CliIo): Command {
  const queue = new Command('queue').description('List asks that wait for an answer');
  queue.addCommand(
    new Command('ls')
      .description('List the asks of this box that are not answered yet, oldest first')
      .option('--json', 'print one JSON array')
      .addHelpText('after', '\nExamples:\n  $ bowline queue ls')
      .action((_o, command: Command) => list(io, command.optsWithGlobals())),
  );
  return queue;
}

/** All of them, oldest first. */
export function listQueue(edge: Side): Promise<QueuedAsk[]> {
  const local = edge.client(LocalService);
  return allPages(async (pageToken) => {
    const { asks, nextPageToken } = await local.listQueue({ pageToken });
    return { items: asks, nextPageToken };
  });
}

async function list(io: CliIo, options: GlobalOptions & { json?: boolean }): Promise<void> {
  const out = new Printer(io.stdout, io.env);
  const asks = await using(localSide(io, options), listQueue);
  if (options.json) {
    out.json(asks.map((ask) => plain(QueuedAskSchema, ask)));
    return;
  }
  const rows = asks.map((a) => [
    a.run,
    a.sent ? 'sent' : 'not sent yet',
    timeText(a.createTime),
    abbreviate(a.text, 60),
  ]);
  out.table(['run', 'state', 'asked', 'text'], rows, 'no ask waits');
}
