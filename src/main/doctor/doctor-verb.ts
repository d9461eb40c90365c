// The verb `doctor`: looks at everything that a first hour can stumble over, and tells for each what to do.
import { Command } from 'commander';
import { homeFolder } from '../../base/home.ts';
import { EXIT } from '../../base/status-codes.ts';
import type { GlobalOptions } from '../../cli/client.ts';
import type { CliIo } from '../../cli/io.ts';
import { Printer } from '../../cli/output.ts';
import type { DoctorFinding } from './finding.ts';
import { config, modes } from './home.ts';
import { disk, memory, node, packages, port, sandbox } from './machine.ts';
import { controlListens, model, postgres, redis, running } from './programs.ts';

const MARKS = { ok: ['ok', 'green'], warning: ['look', 'yellow'], fault: ['fault', 'red'] } as const;
const USUAL_PORT = 7420;

export function doctorVerb(io: CliIo): Command {
  return new Command('doctor')
    .description('Look for what keeps Bowline from working here, and tell what to do; exit code 6 if something does')
    .option('--json', 'print one JSON object')
    .addHelpText(
      'after',
      '\nIt changes nothing. A model other than `rules` gets one tiny question.\n\nExamples:\n  $ bowline doctor\n  $ bowline doctor --json',
    )
    .action(async (_o, command: Command) => {
      const options = command.optsWithGlobals<GlobalOptions & { json?: boolean }>();
      const findings = await examine(io, options);
      if (findings.some(({ state }) => state === 'fault')) io.exit(EXIT.failed);
      print(new Printer(io.stdout, io.env), findings, options.json);
    });
}

async function examine(io: CliIo, options: GlobalOptions): Promise<DoctorFinding[]> {
  const home = homeFolder(options.home, io.env);
  const where = { home, usual: homeFolder(undefined, io.env) };
  const [room, boxed, programs, answers, database, queue] = await Promise.all([
    disk(home),
    sandbox(),
    running(io, options, where),
    model(io.env, where),
    postgres(io.env.DATABASE_URL),
    redis(io.env.REDIS_URL),
  ]);
  const listens = await listensHere(home, Number(io.env.BOWLINE_PORT) || USUAL_PORT, where.usual);
  const read = config(home, where.usual);
  return [
    node(),
    packages(),
    memory(),
    room,
    boxed,
    ...modes(home),
    read,
    ...listens,
    ...programs,
    answers,
    ...database,
    ...queue,
  ];
}

/** The port is of interest only while nothing of ours listens. */
async function listensHere(home: string, number: number, usual: string): Promise<DoctorFinding[]> {
  try {
    if (controlListens(home)) return [];
  } catch {
    // Told by whoever reads that file.
  }
  return [await port(number, home, usual)];
}

function print(out: Printer, findings: readonly DoctorFinding[], json: boolean | undefined): void {
  if (json) {
    out.json({ ok: findings.every(({ state }) => state !== 'fault'), findings });
    return;
  }
  for (const { check, state, text, remedy } of findings) {
    const [mark, style] = MARKS[state];
    out.line(`${mark.padEnd(6)} ${check.padEnd(11)} ${text}`, state === 'ok' ? undefined : style);
    if (remedy) out.line(`${' '.repeat(19)}${remedy}`);
  }
}
