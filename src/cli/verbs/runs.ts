// The verb `runs`: lists, shows and cancels runs; `watch` has its own file.
import { Command } from 'commander';
import { ConversationService } from '../../../gen/bowline/control/v1/conversation_service_pb.ts';
import { type Run, RunService } from '../../../gen/bowline/control/v1/run_service_pb.ts';
import { LocalService } from '../../../gen/bowline/local/v1/local_pb.ts';
import { RunState, RunStateSchema } from '../../../gen/bowline/run/v1/run_pb.ts';
import { AppError } from '../../base/errors.ts';
import { isSensitiveId, newId } from '../../base/ids.ts';
import { outcomeJson } from '../ask-result.ts';
import { askedTime, waitedOnBox } from '../asked-time.ts';
import { controlSide, type GlobalOptions, localSide, type Side, using } from '../client.ts';
import { idColumn, timeColumn } from '../columns.ts';
import { done } from '../done.ts';
import { egressLines } from '../egress-text.ts';
import { conversationId, runId } from '../find-id.ts';
import type { CliIo } from '../io.ts';
import { jobLine, shortMethod } from '../job-text.ts';
import { factsOfBox, filledRun } from '../known-facts.ts';
import { type ListOptions, lsCommand, pages } from '../listing.ts';
import { Printer } from '../output.ts';
import { enumText } from '../plain.ts';
import { runJson } from '../run-json.ts';
import { RunPrinter } from '../run-printer.ts';
import { sensitiveRun, sensitiveTurn } from '../sensitive-turns.ts';
import type { Column } from '../table.ts';
import { timeText } from '../units.ts';
import { listed } from '../watched-list.ts';
import { withheldLines } from '../withheld-text.ts';
import { listDevices } from './devices.ts';
import { idAnywhere, isElsewhere } from './run-anywhere.ts';
import { askCommand } from './runs-ask.ts';
import { explainCommand, printExplanation } from './runs-explain.ts';
import { watchCommand } from './runs-watch.ts';

type ActionOptions = GlobalOptions & { json?: boolean };

/** Which runs are listed. */
interface RunChoice {
  readonly conversation?: string;
  readonly setAside?: boolean;
  readonly approvals?: boolean;
  readonly archived?: boolean;
  readonly all?: boolean;
}

/** Devices whose names are asked for. */
const MOST_NAMES = 500;

export function runsVerb(io: CliIo): Command {
  const runs = new Command('runs').description('Start, list, show, watch and cancel runs');
  runs.addCommand(
    lsCommand('List runs, newest first')
      .option('-c, --conversation <conversation>', 'only of this conversation')
      .option('--approvals', 'only those that wait for the owner of a device')
      .option('--set-aside', 'only those whose history cannot be read')
      .option('--archived', 'those that were removed from the database and are in the archive')
      .option('--all', 'also calls that only list something, such as those of docs ls')
      .addHelpText('after', '\nExamples:\n  $ bowline runs ls\n  $ bowline runs ls -n 5 --json')
      .action(listed(io, list)),
  );
  runs.addCommand(
    new Command('show')
      .description('Show a run: its text, answer, jobs, what left the box, and what it waits for')
      .argument('<run>', 'run id')
      .option('--json', 'print one JSON object')
      .addHelpText('after', '\nExamples:\n  $ bowline runs show 0190f3c2-7d3a-7c11-9f00-1b6d0a5c2e11')
      .action((id: string, _o, command: Command) => show(io, id, command.optsWithGlobals())),
  );
  runs.addCommand(askCommand(io));
  runs.addCommand(watchCommand(io));
  runs.addCommand(explainCommand(io));
  runs.addCommand(
    new Command('cancel')
      .description('End a run')
      .argument('<run>', 'run id')
      .option('--json', 'print one JSON object')
      .addHelpText('after', '\nExamples:\n  $ bowline runs cancel 0190f3c2-7d3a-7c11-9f00-1b6d0a5c2e11')
      .action((id: string, _o, command: Command) => cancel(io, id, command.optsWithGlobals())),
  );
  runs.addCommand(
    new Command('retry')
      .description('Try again to read a run that was set aside, and let it go on')
      .argument('<run>', 'run id')
      .option('--json', 'print one JSON object')
      .addHelpText('after', '\nExamples:\n  $ bowline runs retry 0190f3c2-7d3a-7c11-9f00-1b6d0a5c2e11')
      .action((id: string, _o, command: Command) => aside(io, 'retryRun', id, command.optsWithGlobals())),
  );
  runs.addCommand(
    new Command('end')
      .description('End a run that was set aside, without reading its history')
      .argument('<run>', 'run id')
      .option('--json', 'print one JSON object')
      .addHelpText('after', '\nExamples:\n  $ bowline runs end 0190f3c2-7d3a-7c11-9f00-1b6d0a5c2e11')
      .action((id: string, _o, command: Command) => aside(io, 'endRun', id, command.optsWithGlobals())),
  );
  return runs;
}

async function aside(io: CliIo, what: 'retryRun' | 'endRun', typed: string, options: ActionOptions): Promise<void> {
  const id = await using(controlSide(io, options), async (control) => {
    const id = await runId(control, typed);
    await control.client(RunService)[what]({ id });
    return id;
  });
  done(io, options, what === 'retryRun' ? 'it goes on' : 'ended', { id });
}

async function list(io: CliIo, options: GlobalOptions & ListOptions & RunChoice): Promise<void> {
  const out = new Printer(io.stdout, io.env);
  const { runs, names } = await using(controlSide(io, options), async (control) => {
    const [runs, names] = await Promise.all([listRuns(control, options, io), deviceNames(control)]);
    return { runs, names };
  });
  if (options.json) return out.json(runs.map((run) => runJson(run, names.get(run.device))));
  const columns: Column<Run>[] = [
    // What is archived is not looked for by a part of its id.
    options.archived ? { heading: 'run', text: ({ id }) => id } : idColumn('run', ({ id }) => id, runs),
    { heading: 'state', text: stateText },
    timeColumn('asked', askedTime),
    { heading: 'device', text: ({ device }) => names.get(device) ?? device, least: 8, leaves: 1 },
    { heading: 'text', text: ({ text }) => shortMethod(text), least: 20 },
  ];
  const asked = 'no runs yet; ask something with: bowline ask';
  const none = options.archived
    ? 'no run is in the archive'
    : options.setAside
      ? 'no run is set aside'
      : options.approvals
        ? 'no run waits for an approval'
        : asked;
  out.table(columns, runs, { none, wide: options.wide });
}

async function listRuns(
  control: Side,
  {
    limit,
    conversation = '',
    setAside = false,
    approvals = false,
    archived = false,
    all = false,
  }: { limit: number } & RunChoice,
  io?: CliIo,
): Promise<Run[]> {
  const service = control.client(RunService);
  const id = conversation && (await conversationId(control, conversation));
  // A mistyped id is told, and is not a conversation without runs.
  if (id) await control.client(ConversationService).getConversation({ id });
  return pages(
    limit,
    async (pageSize, pageToken) => {
      const { runs, nextPageToken } = await service.listRuns({
        pageSize,
        pageToken,
        conversation: id,
        setAside,
        waitsForOwner: approvals,
        archived,
        withoutListings: !all && !setAside && !approvals,
      });
      return { items: runs, nextPageToken };
    },
    io,
  );
}

/** Names of the devices by their ids; empty when they cannot be had: the runs are shown all the same. */
async function deviceNames(control: Side): Promise<Map<string, string>> {
  const devices = await listDevices(control, MOST_NAMES).catch(() => []);
  return new Map(devices.map(({ id, name }) => [id, name]));
}

async function show(io: CliIo, typed: string, options: GlobalOptions & { json?: boolean }): Promise<void> {
  const here = await sensitiveRun(io, options, typed);
  if (here !== undefined) return showHere(io, options, here);
  await using(controlSide(io, options), async (control) => {
    const service = control.client(RunService);
    const id = await runId(control, typed);
    const { run: found } = await service.getRun({ id });
    if (!found) throw new AppError('NOT_FOUND', { kind: 'run' });
    const run = await filledRun(factsOfBox(io, options), found);
    const open = run.state === RunState.WAITING || run.state === RunState.RUNNING;
    const explanation = open ? await service.explainRun({ id }) : undefined;
    const out = new Printer(io.stdout, io.env);
    const name = run.device ? (await deviceNames(control)).get(run.device) : undefined;
    if (options.json) return out.json({ ...runJson(run, name), waitsFor: explanation?.summary ?? null });
    printRun(out, run, name);
    if (!explanation) return;
    out.line();
    printExplanation(out, explanation, io);
  });
}

/** A sensitive run, from the box. */
async function showHere(io: CliIo, options: GlobalOptions & { json?: boolean }, id: string): Promise<void> {
  const { conversation, text, outcome } = await using(localSide(io, options), (edge) => sensitiveTurn(edge, id));
  const out = new Printer(io.stdout, io.env);
  const jobs = outcome?.jobs ?? [];
  const state = outcome ? enumText(RunStateSchema, outcome.state) : 'running';
  if (options.json) return out.json({ id, conversation, sensitive: true, state, text, ...outcomeJson(outcome, jobs) });
  out.line(`run           ${id}`);
  out.line(`conversation  ${conversation}`);
  out.line(`state         ${state.replaceAll('_', ' ')}`);
  out.line('sensitive     answered on this box; nothing of it left');
  out.quoted(`> ${text}`, 'bold');
  for (const job of jobs) out.line(jobLine(job));
  if (outcome) new RunPrinter(out, out).outcome(outcome);
}

function printRun(out: Printer, run: Run, deviceName: string | undefined): void {
  out.line(`run           ${run.id}`);
  if (run.conversation) out.line(`conversation  ${run.conversation}`);
  out.line(`state         ${stateText(run)}`);
  if (run.archiveTime) out.line(`archived      ${timeText(run.archiveTime)}; it is read from the archive`);
  if (run.setAside)
    out.line(`set aside     ${run.setAside}; bowline runs retry ${run.id}, or: bowline runs end ${run.id}`);
  out.line(`asked         ${timeText(askedTime(run))} by ${run.principal || 'the owner'}`);
  if (waitedOnBox(run)) out.line(`taken         ${timeText(run.createTime)}; it waited on its box until then`);
  if (run.device) out.line(`device        ${deviceName ?? run.device}`);
  out.line();
  out.quoted(run.text, 'bold');
  if (run.outcome) {
    out.line();
    new RunPrinter(out, out).outcome(run.outcome);
  }
  const jobs = run.jobs.length > 0 ? run.jobs : (run.outcome?.jobs ?? []);
  section(out, 'jobs:', jobs.map(jobLine));
  section(out, 'left the box:', egressLines(run.egress));
  if (run.egress.some(({ bytes }) => bytes === 0n)) out.line(`  how much: bowline egress ls --run ${run.id}`, 'dim');
  section(
    out,
    'withheld:',
    withheldLines(run.outcome?.withheld ?? []).map((line) => `  ${line}`),
  );
}

function section(out: Printer, title: string, lines: readonly string[]): void {
  if (lines.length === 0) return;
  out.line();
  out.line(title);
  for (const line of lines) out.line(line);
}

async function cancel(io: CliIo, typed: string, options: ActionOptions): Promise<void> {
  const id = await idAnywhere(io, typed, options);
  const { told, state } = await cancelRun(io, options, id);
  done(io, options, told, { id, state });
}

/** The box first: it also knows the asks that were not sent yet. Throws NOTHING_TO_DO for a run that has ended. */
export async function cancelRun(
  io: CliIo,
  options: GlobalOptions,
  id: string,
): Promise<{ told: string; state: string }> {
  if (isSensitiveId(id)) {
    await using(localSide(io, options), async (edge) => {
      const { outcome } = await sensitiveTurn(edge, id);
      const state = outcome && enumText(RunStateSchema, outcome.state).replaceAll('_', ' ');
      if (state) throw new AppError('NOTHING_TO_DO', { what: `${id} has ended already: ${state}` });
      await edge.client(LocalService).cancel({ run: id });
    });
    return { told: `${id} is cancelled`, state: 'cancelled' };
  }
  // Whether it has ended is asked first; without an answer it is cancelled all the same.
  const before = await using(
    () => controlSide(io, options),
    (control) => control.client(RunService).getRun({ id }, { timeoutMs: 2_000 }),
  ).catch(() => undefined);
  mustBeOpen(id, before?.run);
  const onTheBox = await using(
    () => localSide(io, options),
    (edge) => edge.client(LocalService).cancel({ run: id }),
  ).then(
    () => true,
    (error: unknown) => {
      if (isElsewhere(error)) return false;
      throw error;
    },
  );
  const run = onTheBox ? undefined : await using(controlSide(io, options), (control) => cancelThere(control, id));
  if (run?.state !== RunState.CANCELLED) mustBeOpen(id, run);
  const told = run?.endTime ? `${id} is cancelled` : `cancelling ${id}`;
  return { told, state: run?.endTime ? 'cancelled' : 'cancelling' };
}

async function cancelThere(control: Side, id: string): Promise<Run | undefined> {
  return (await control.client(RunService).cancelRun({ id, requestId: newId() })).run;
}

function mustBeOpen(id: string, run: Run | undefined): void {
  if (run?.endTime) throw new AppError('NOTHING_TO_DO', { what: `${id} has ended already: ${stateText(run)}` });
}

const stateText = (run: Run): string =>
  run.waitsForOwner ? 'approval' : enumText(RunStateSchema, run.state).replaceAll('_', ' ');
