// The verb `queue`: asks of this box that are not answered yet, and how to withdraw one.
import { timestampMs } from '@bufbuild/protobuf/wkt';
import { Command } from 'commander';
import { LocalService, type QueuedAsk, QueuedAskSchema } from '../../../gen/bowline/local/v1/local_pb.ts';
import { AppError } from '../../base/errors.ts';
import { fromFailure } from '../../contract/errors.ts';
import { type GlobalOptions, localSide, type Side, using } from '../client.ts';
import { idColumn, timeColumn } from '../columns.ts';
import { done } from '../done.ts';
import type { CliIo } from '../io.ts';
import { allPages, wideOption } from '../listing.ts';
import { Printer } from '../output.ts';
import { type PlainObject, plain } from '../plain.ts';
import { wholeId } from '../short-id.ts';
import type { Column } from '../table.ts';
import { clockText } from '../units.ts';
import { listed, watchOption } from '../watched-list.ts';

export function queueVerb(io: CliIo): Command {
  const queue = new Command('queue').description('List and withdraw asks that wait for an answer');
  queue.addCommand(
    new Command('ls')
      .description(
        'List the asks of this box that are not answered yet, and those whose time was over first, oldest first',
      )
      .addOption(wideOption())
      .addOption(watchOption())
      .option('--json', 'print one JSON array')
      .addHelpText('after', '\nExamples:\n  $ bowline queue ls')
      .action(listed(io, list)),
  );
  queue.addCommand(
    new Command('rm')
      .description('Withdraw an ask: it is not answered any more, and leaves the list')
      .argument('<run>', 'run id, as `queue ls` lists it')
      .option('--json', 'print one JSON object')
      .addHelpText('after', '\nExamples:\n  $ bowline queue rm 0190f3c2-7d3a-7c11-9f00-1b6d0a5c2e11')
      .action((run: string, _o, command: Command) => remove(io, run, command.optsWithGlobals())),
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

/** The run of the ask that a part of its id means. */
export const askId = (edge: Side, typed: string): Promise<string> =>
  wholeId(typed, 'ask', async () =>
    (await listQueue(edge)).map(({ run, text }) => ({ id: run, about: text.slice(0, 60) })),
  );

async function list(io: CliIo, options: GlobalOptions & { json?: boolean; wide?: boolean }): Promise<void> {
  const out = new Printer(io.stdout, io.env);
  const asks = await using(localSide(io, options), listQueue);
  if (options.json) {
    out.json(asks.map((ask) => ({ id: ask.run, ...withoutRun(plain(QueuedAskSchema, ask)) })));
    return;
  }
  const columns: Column<QueuedAsk>[] = [
    idColumn('run', ({ run }) => run, asks),
    { heading: 'state', text: stateText, least: 12 },
    timeColumn('asked', ({ createTime }) => createTime),
    { heading: 'text', text: ({ text }) => text, least: 16 },
  ];
  out.table(columns, asks, { none: 'no ask waits', wide: options.wide });
}

/** An ask is known by its run. */
const withoutRun = ({ run: _run, ...rest }: PlainObject): PlainObject => rest;

function stateText({ sent, cancelling, failure, expireTime }: QueuedAsk): string {
  if (failure) return `ended: ${fromFailure(failure).message}`;
  const state = sent ? 'sent' : 'not sent yet';
  if (cancelling) return `${state}, withdrawn`;
  if (!expireTime) return state;
  const end = timestampMs(expireTime);
  return `${state}, ${end > Date.now() ? 'ends' : 'its time was over'} at ${clockText(end)}`;
}

/** What is not in the queue is no ask that could be withdrawn. */
async function remove(io: CliIo, typed: string, options: GlobalOptions & { json?: boolean }): Promise<void> {
  const { left, run } = await using(localSide(io, options), async (edge) => {
    const run = await askId(edge, typed);
    const listed = async () => (await listQueue(edge)).find((ask) => ask.run === run);
    if (!(await listed())) throw new AppError('NOT_FOUND', { kind: 'ask of this queue' });
    await edge.client(LocalService).cancel({ run });
    return { run, left: await listed() };
  });
  const told = left
    ? `${run} is withdrawn; it leaves the list when the control plane has heard of it`
    : `${run} is withdrawn`;
  done(io, options, told, { id: run, listed: left !== undefined });
}
