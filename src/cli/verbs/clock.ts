// The verb `clock`: what time it is on the edge, and the owner's word that the machine's clock is right.
import { Command } from 'commander';
import { type EdgeClock, EdgeClockSchema, LocalService } from '../../../gen/bowline/local/v1/local_pb.ts';
import { fromFailure } from '../../contract/errors.ts';
import { type GlobalOptions, localSide, using } from '../client.ts';
import type { CliIo } from '../io.ts';
import { Printer } from '../output.ts';
import { plain } from '../plain.ts';
import { timeText } from '../units.ts';

type Options = GlobalOptions & { json?: boolean };

export function clockVerb(io: CliIo): Command {
  const clock = new Command('clock').description('Show which time the edge uses, and correct it');
  clock.addCommand(
    new Command('show')
      .description("Show the edge's time, the clock of this machine and the control plane's signed time")
      .option('--json', 'print one JSON object')
      .addHelpText('after', '\nExamples:\n  $ bowline clock show')
      .action((_o, command: Command) => run(io, command.optsWithGlobals(), 'getClock')),
  );
  clock.addCommand(
    new Command('reset')
      .description('Declare the clock of this machine right, even if the journal is ahead of it')
      .option('--json', 'print one JSON object')
      .addHelpText(
        'after',
        '\nNothing that has ended begins again. Shares stay ended, and what was used of a day’s budgets stays used.\n\nExamples:\n  $ bowline clock reset',
      )
      .action((_o, command: Command) => run(io, command.optsWithGlobals(), 'resetClock')),
  );
  return clock;
}

async function run(io: CliIo, options: Options, method: 'getClock' | 'resetClock'): Promise<void> {
  const out = new Printer(io.stdout, io.env);
  const clock = await using(
    localSide(io, options),
    async (edge) => (await edge.client(LocalService)[method]({})).clock,
  );
  if (!clock) return;
  if (options.json) {
    const {
      edgeTime: now = null,
      machineTime: machine = null,
      controlTime: control = null,
      doubt = null,
    } = plain(EdgeClockSchema, clock);
    out.json({ now, machine, control, doubt });
  } else print(out, clock);
}

function print(out: Printer, { edgeTime: now, machineTime: machine, controlTime: control, doubt }: EdgeClock): void {
  out.line(`edge     ${timeText(now)}`, doubt ? 'yellow' : 'green');
  out.line(`machine  ${timeText(machine)}`);
  out.line(`control  ${control ? timeText(control) : 'signed no time since the edge started'}`);
  if (doubt) {
    const { message, reason } = fromFailure(doubt);
    out.line(`         ${message} (${reason})`, 'yellow');
  }
}
