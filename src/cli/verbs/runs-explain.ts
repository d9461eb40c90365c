// The verb `runs explain`: why a run or a job waits, who could serve it, and what to do.
import { Command } from 'commander';
import {
  type ExplainRunResponse,
  ExplainRunResponseSchema,
  RunService,
} from '../../../gen/bowline/control/v1/run_service_pb.ts';
import { isSensitiveId } from '../../base/ids.ts';
import { inLines } from '../../base/text-columns.ts';
import { controlSide, type GlobalOptions, localSide, using } from '../client.ts';
import { explainAsk, explainSensitive, explanationLines } from '../explanation-text.ts';
import type { CliIo } from '../io.ts';
import { Printer } from '../output.ts';
import { plain } from '../plain.ts';
import { listQueue } from './queue.ts';
import { idAnywhere, isElsewhere } from './run-anywhere.ts';

export function explainCommand(io: CliIo): Command {
  return new Command('explain')
    .description('Tell why a run or a job waits, since when, who could serve it, and what to do')
    .argument('<run>', 'run id, or job id `RUN/STEP/INDEX`')
    .option('--json', 'print one JSON object')
    .addHelpText('after', '\nExamples:\n  $ bowline runs explain 0190f3c2-7d3a-7c11-9f00-1b6d0a5c2e11')
    .action((id: string, _o, command: Command) => explain(io, id, command.optsWithGlobals()));
}

async function explain(io: CliIo, typed: string, options: GlobalOptions & { json?: boolean }): Promise<void> {
  const out = new Printer(io.stdout, io.env);
  const [part = '', ...job] = typed.split('/');
  const run = await idAnywhere(io, part, options);
  const id = [run, ...job].join('/');
  const explained = isSensitiveId(run) ? explainSensitive(run) : await explainAnywhere(io, options, run, id);
  if (options.json) return out.json({ id, ...plain(ExplainRunResponseSchema, explained) });
  printExplanation(out, explained, io);
}

/** By the control plane, or, as long as that does not have it, by the box. */
async function explainAnywhere(
  io: CliIo,
  options: GlobalOptions,
  run: string,
  id: string,
): Promise<ExplainRunResponse> {
  try {
    return await using(controlSide(io, options), (control) => control.client(RunService).explainRun({ id }));
  } catch (error) {
    if (!isElsewhere(error)) throw error;
    const asks = await using(() => localSide(io, options), listQueue).catch(() => []);
    const ask = asks.find((each) => each.run === run);
    if (!ask) throw error;
    return explainAsk(ask);
  }
}

/** On a terminal in lines that fit it. */
export function printExplanation(out: Printer, explained: ExplainRunResponse, io: Pick<CliIo, 'stdout'>): void {
  const width = out.isTTY ? (io.stdout.columns ?? 80) : Number.POSITIVE_INFINITY;
  for (const line of explanationLines(explained, Date.now())) {
    const indent = /^ */.exec(line)?.[0] ?? '';
    for (const each of inLines(line.trimStart(), width - indent.length, '  ')) out.line(indent + each);
  }
}
