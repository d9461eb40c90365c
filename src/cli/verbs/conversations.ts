// The verb `conversations`.
import { create } from '@bufbuild/protobuf';
import { Command } from 'commander';
import {
  type Conversation,
  ConversationSchema,
  ConversationService,
} from '../../../gen/bowline/control/v1/conversation_service_pb.ts';
import { LocalService } from '../../../gen/bowline/local/v1/local_pb.ts';
import { RunStateSchema } from '../../../gen/bowline/run/v1/run_pb.ts';
import { AppError } from '../../base/errors.ts';
import { isSensitiveId, newId } from '../../base/ids.ts';
import { filledText } from '../../contract/text/filled-text.ts';
import { outcomeJson } from '../ask-result.ts';
import { controlSide, type GlobalOptions, isAway, localSide, type Side, using } from '../client.ts';
import { idColumn, timeColumn } from '../columns.ts';
import { done } from '../done.ts';
import { conversationId } from '../find-id.ts';
import type { CliIo } from '../io.ts';
import { factsOfBox, filledRun } from '../known-facts.ts';
import { type ListOptions, lsCommand, pages } from '../listing.ts';
import { Printer } from '../output.ts';
import { enumText, plain } from '../plain.ts';
import { runJson } from '../run-json.ts';
import { sensitiveConversation, sensitiveTurns } from '../sensitive-turns.ts';
import type { Column } from '../table.ts';
import { timeText } from '../units.ts';
import { listed } from '../watched-list.ts';

const EXAMPLE_ID = '0190f3c2-7d3a-7c11-9f00-1b6d0a5c2e11';

export function conversationsVerb(io: CliIo): Command {
  const conversations = new Command('conversations').description('List, show and delete conversations');
  conversations.addCommand(
    lsCommand('List conversations, newest first')
      .addHelpText('after', '\nExamples:\n  $ bowline conversations ls\n  $ bowline conversations ls -n 5 --json')
      .action(listed(io, list)),
  );
  conversations.addCommand(
    new Command('show')
      .description('Show a conversation: its asks and answers')
      .argument('<conversation>', 'conversation id')
      .option('--json', 'print one JSON object')
      .addHelpText('after', `\nExamples:\n  $ bowline conversations show ${EXAMPLE_ID}`)
      .action((id: string, _o, command: Command) => show(io, id, command.optsWithGlobals())),
  );
  conversations.addCommand(
    new Command('rm')
      .description('Delete a conversation and its runs; refused while one of them is at work')
      .argument('<conversation>', 'conversation id')
      .option('--json', 'print one JSON object')
      .addHelpText('after', `\nExamples:\n  $ bowline conversations rm ${EXAMPLE_ID}`)
      .action((id: string, _o, command: Command) => remove(io, id, command.optsWithGlobals())),
  );
  return conversations;
}

async function list(io: CliIo, options: GlobalOptions & ListOptions): Promise<void> {
  const out = new Printer(io.stdout, io.env);
  const here = await using(localSide(io, options), sensitiveConversations);
  const there = await using(controlSide(io, options), (control) => {
    const service = control.client(ConversationService);
    return pages<Conversation>(
      options.limit,
      async (pageSize, pageToken) => {
        const { conversations, nextPageToken } = await service.listConversations({ pageSize, pageToken });
        return { items: conversations, nextPageToken };
      },
      io,
    );
  }).catch((error: unknown) => {
    // What the box alone holds is shown without the control plane, too.
    if (here.length === 0 || !isAway(error)) throw error;
    new Printer(io.stderr, io.env).line(
      'only the sensitive ones are shown: the control plane does not answer',
      'yellow',
    );
    return [];
  });
  const time = ({ updateTime, createTime }: Conversation) => Number((updateTime ?? createTime)?.seconds ?? 0n);
  const all = [...here, ...there].sort((a, b) => time(b) - time(a)).slice(0, options.limit);
  const sensitive = ({ id }: Conversation) => (isSensitiveId(id) ? { sensitive: true } : {});
  if (options.json) out.json(all.map((one) => ({ ...plain(ConversationSchema, one), ...sensitive(one) })));
  else {
    const columns: Column<Conversation>[] = [
      idColumn('conversation', ({ id }) => id, all),
      { heading: 'runs', text: ({ turns }) => String(turns), isNumber: true },
      timeColumn('last', ({ updateTime, createTime }) => updateTime ?? createTime),
      { heading: 'state', text: stateOf, leaves: 1 },
      { heading: 'began with', text: ({ title }) => title, least: 20 },
    ];
    out.table(columns, all, { none: 'no conversations yet; begin one with: bowline chat', wide: options.wide });
  }
}

const stateOf = ({ id, activeRun }: Conversation): string =>
  [isSensitiveId(id) ? 'sensitive' : '', activeRun ? 'at work' : ''].filter(Boolean).join(', ');

/** Those of the box, as the control plane tells of the others. */
async function sensitiveConversations(edge: Side): Promise<Conversation[]> {
  const byId = Map.groupBy(await sensitiveTurns(edge), ({ conversation }) => conversation);
  return [...byId].map(([id, turns]) => {
    const [first, last] = [turns[0]!, turns.at(-1)!];
    const times = {
      ...(first.createTime && { createTime: first.createTime }),
      ...(last.createTime && { updateTime: last.createTime }),
    };
    const activeRun = turns.find(({ open }) => open)?.run ?? '';
    return create(ConversationSchema, { id, title: first.text, turns: turns.length, activeRun, ...times });
  });
}

/** A sensitive conversation, from the box. */
async function showHere(io: CliIo, options: GlobalOptions & { json?: boolean }, edge: Side, id: string): Promise<void> {
  const out = new Printer(io.stdout, io.env);
  const turns = await sensitiveTurns(edge, id);
  if (turns.length === 0) throw new AppError('NOT_FOUND', { kind: 'sensitive conversation on this box' });
  if (options.json) {
    const runs = turns.map(({ run, text, outcome }) => ({
      id: run,
      text,
      state: outcome ? enumText(RunStateSchema, outcome.state) : 'running',
      ...outcomeJson(outcome, outcome?.jobs ?? []),
    }));
    return out.json({ id, sensitive: true, runs });
  }
  out.line('sensitive: answered on this box; nothing of it left', 'dim');
  for (const { run, text, createTime, outcome } of turns) {
    const state = outcome ? enumText(RunStateSchema, outcome.state).replaceAll('_', ' ') : 'at work';
    out.line(`${timeText(createTime)}  ${run}  ${state}`, 'dim');
    out.quoted(`> ${text}`, 'bold');
    if (outcome?.answer) out.quoted(outcome.answer);
    out.line();
  }
}

async function show(io: CliIo, id: string, options: GlobalOptions & { json?: boolean }): Promise<void> {
  const isHere = await using(localSide(io, options), async (edge) => {
    const here = await sensitiveConversation(edge, id);
    if (here !== undefined) await showHere(io, options, edge, here);
    return here !== undefined;
  });
  if (isHere) return;
  const out = new Printer(io.stdout, io.env);
  const found = await using(
    () => controlSide(io, options),
    async (control) => control.client(ConversationService).getConversation({ id: await conversationId(control, id) }),
  ).catch((error: unknown) => showKept(io, id, options, error));
  if (!found) return;
  const { conversation } = found;
  if (!conversation) throw new AppError('NOT_FOUND', { kind: 'conversation' });
  const facts = factsOfBox(io, options);
  const runs = await Promise.all(found.runs.map((run) => filledRun(facts, run)));
  const summary = await filledText(found.summary, facts({ run: '', conversation: id }));
  if (options.json) {
    out.json({ ...plain(ConversationSchema, conversation), runs: runs.map((run) => runJson(run)), summary });
    return;
  }
  for (const run of runs) {
    out.line(
      `${timeText(run.createTime)}  ${run.id}  ${enumText(RunStateSchema, run.state).replaceAll('_', ' ')}`,
      'dim',
    );
    out.quoted(`> ${run.text}`, 'bold');
    if (run.outcome?.answer) out.quoted(run.outcome.answer);
    out.line();
  }
  if (summary) out.quoted(`in short: ${summary}`);
}

/** Where the control plane is away, what the box was told of the conversation last; else the error it had. */
async function showKept(
  io: CliIo,
  id: string,
  options: GlobalOptions & { json?: boolean },
  error: unknown,
): Promise<undefined> {
  if (!(error instanceof AppError) || error.code !== 'unavailable') throw error;
  const kept = await using(
    () => localSide(io, options),
    (edge) => edge.client(LocalService).getSummary({ conversation: id }),
  ).catch(() => undefined);
  if (!kept) throw error;
  const out = new Printer(io.stdout, io.env);
  if (options.json) out.json({ id, summary: kept.text, lastRun: kept.run });
  else out.line(`in short: ${kept.text}`);
  new Printer(io.stderr, io.env).line(`only the box’s summary is shown: ${error.message}`);
}

async function remove(io: CliIo, typed: string, options: GlobalOptions & { json?: boolean }): Promise<void> {
  if ((await using(localSide(io, options), (edge) => sensitiveConversation(edge, typed))) !== undefined)
    throw new AppError('NOTHING_TO_DO', {
      what: 'a sensitive conversation is in the journal of this box alone, and goes with its oldest part',
    });
  const id = await using(controlSide(io, options), async (control) => {
    const id = await conversationId(control, typed);
    await control.client(ConversationService).deleteConversation({ id, requestId: newId() });
    return id;
  });
  done(io, options, `deleted ${id} and its runs`, { id });
}
