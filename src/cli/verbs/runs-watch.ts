// The verb `runs watch`: streams a run until it ends. Ctrl-C only stops watching.
import { Command } from 'commander';
import { RunService, type WatchRunResponse } from '../../../gen/bowline/control/v1/run_service_pb.ts';
import type { RunEvent as LocalRunEvent } from '../../../gen/bowline/local/v1/local_pb.ts';
import { RunState, RunStateSchema, TextChunkSchema } from '../../../gen/bowline/run/v1/run_pb.ts';
import { EXIT } from '../../base/status-codes.ts';
import { jobJson, outcomeJson } from '../ask-result.ts';
import { controlSide, type GlobalOptions, isCutOff, using } from '../client.ts';
import { exitOfRun } from '../exit-codes.ts';
import { runId } from '../find-id.ts';
import type { CliIo } from '../io.ts';
import { factsOfBox, filledRunEvents } from '../known-facts.ts';
import { Printer } from '../output.ts';
import { enumText, type PlainObject, plain } from '../plain.ts';
import { runJson } from '../run-json.ts';
import { RunPrinter } from '../run-printer.ts';
import { sensitiveEvents, sensitiveRun } from '../sensitive-turns.ts';

type Told = Pick<WatchRunResponse, 'event'>;

export function watchCommand(io: CliIo): Command {
  return new Command('watch')
    .description('Stream a run until it ends; the exit code is that of its outcome')
    .argument('<run>', 'run id')
    .option('--json', 'print one JSON object for each thing that happens, one per line')
    .addHelpText('after', '\nExamples:\n  $ bowline runs watch 0190f3c2-7d3a-7c11-9f00-1b6d0a5c2e11')
    .action((id: string, _o, command: Command) => watch(io, id, command.optsWithGlobals()));
}

async function watch(io: CliIo, typed: string, options: GlobalOptions & { json?: boolean }): Promise<void> {
  const out = new Printer(io.stdout, io.env);
  const printer = new RunPrinter(out, new Printer(io.stderr, io.env), { verbose: true });
  const leave = new AbortController();
  const stop = io.onInterrupt(() => leave.abort());
  let state: RunState = RunState.UNSPECIFIED;
  try {
    const here = await sensitiveRun(io, options, typed);
    if (here !== undefined) state = await watchHere(io, options, here, { out, printer, signal: leave.signal });
    else
      await using(controlSide(io, options), async (control) => {
        const id = await runId(control, typed);
        const responses = control.client(RunService).watchRun({ id }, { signal: leave.signal });
        for await (const response of filledRunEvents(factsOfBox(io, options), responses)) {
          if (response.event.case === 'run') state = response.event.value.state;
          if (options.json) out.json(eventJson(id, response));
          else show(printer, response);
          // A run that had ended before is told at once; it would come again.
          if (response.event.case === 'run' && response.event.value.outcome) break;
        }
      });
  } catch (error) {
    if (!leave.signal.aborted) {
      // What broke is the watching, not the run.
      if (isCutOff(error))
        new Printer(io.stderr, io.env).line(
          `the run goes on; watch it again with: bowline runs watch ${typed}`,
          'yellow',
        );
      throw error;
    }
  } finally {
    stop();
  }
  io.exit(leave.signal.aborted ? EXIT.queued : exitOfRun(state));
}

interface Watching {
  readonly out: Printer;
  readonly printer: RunPrinter;
  readonly signal: AbortSignal;
}

/** A sensitive run, from the box. Returns the state that it ended in. */
async function watchHere(
  io: CliIo,
  options: GlobalOptions & { json?: boolean },
  run: string,
  { out, printer, signal }: Watching,
): Promise<RunState> {
  for await (const event of sensitiveEvents(io, options, run, signal)) {
    if (options.json) {
      const told = eventJsonHere(run, event);
      if (told) out.json(told);
    } else if (event.case === 'job') printer.job(event.value);
    else if (event.case === 'text') printer.text(event.value);
    else if (event.case === 'waiting') printer.waiting(event.value);
    else if (event.case === 'ended' && event.value.outcome) printer.outcome(event.value.outcome);
    if (event.case === 'ended') return event.value.outcome?.state ?? RunState.UNSPECIFIED;
  }
  return RunState.UNSPECIFIED;
}

function show(printer: RunPrinter, { event }: Told): void {
  if (event.case === 'job') printer.job(event.value);
  else if (event.case === 'text') printer.text(event.value);
  else if (event.case === 'run') {
    for (const job of event.value.jobs) printer.job(job);
    if (event.value.outcome) printer.outcome(event.value.outcome);
  }
}

function eventJsonHere(run: string, event: LocalRunEvent['event']): PlainObject | undefined {
  if (event.case === 'job') return { what: 'job', run, ...jobJson(event.value) };
  if (event.case === 'text') return { what: 'text', run, ...plain(TextChunkSchema, event.value) };
  if (event.case !== 'ended' || !event.value.outcome) return undefined;
  const { outcome, conversation } = event.value;
  return {
    what: 'run',
    id: run,
    conversation,
    sensitive: true,
    state: enumText(RunStateSchema, outcome.state),
    ...outcomeJson(outcome, outcome.jobs),
  };
}

/** As in `watch --json`: what it is, with its own id; a job and a text name their run. */
function eventJson(run: string, { event }: Told): PlainObject {
  switch (event.case) {
    case 'job':
      return { what: 'job', run, ...jobJson(event.value) };
    case 'text':
      return { what: 'text', run, ...plain(TextChunkSchema, event.value) };
    case 'run':
      return { what: 'run', ...runJson(event.value) };
    default:
      return {};
  }
}
