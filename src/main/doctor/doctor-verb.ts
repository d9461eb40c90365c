// The verb `doctor`: looks at everything that a first hour can stumble over, and tells for each what to do.
import { Command } from 'commander';
import { homeFolder, homePaths } from '../../base/home.ts';
import { EXIT } from '../../base/status-codes.ts';
import type { GlobalOptions } from '../../cli/client.ts';
import { type HomeRole, rolesOf } from '../../cli/home-health.ts';
import type { CliIo } from '../../cli/io.ts';
import { Printer } from '../../cli/output.ts';
import { toAppError } from '../../contract/errors.ts';
import { commands } from './commands.ts';
import { type DoctorFinding, fault } from './finding.ts';
import { config, modes } from './home.ts';
import { lan } from './lan.ts';
import { disk, keptIn, memory, node, packages, port, sandbox } from './machine.ts';
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
  const roles = rolesOf(homePaths(home));
  const isFor = (role: HomeRole) => roles.length === 0 || roles.includes(role);
  const found = await Promise.all([
    looked('node', node),
    looked('packages', packages),
    looked('memory', memory),
    looked('disk', () => disk(home, keptIn(roles, Boolean(io.env.DATABASE_URL)))),
    looked('bubblewrap', sandbox),
    looked('home', () => modes(home)),
    // The folders are the edge's, the port is the control plane's.
    ...(isFor('edge')
      ? [
          looked('config', () => config(home, where.usual)),
          looked('commands', () => commands(home)),
          looked('lan', () => lan(home)),
        ]
      : []),
    looked('programs', () => running(io, options, where)),
    looked('model', () => model(io.env, where)),
    looked('postgres', () => postgres(io.env.DATABASE_URL)),
    looked('redis', () => redis(io.env.REDIS_URL)),
  ]);
  if (!isFor('control')) return found.flat();
  // Last: it listens there for a moment, and who is asked above must not meet it.
  const listens = await looked('port', () => listensHere(home, Number(io.env.BOWLINE_PORT) || USUAL_PORT, where.usual));
  return [...found.flat(), ...listens];
}

type Look = () => DoctorFinding | DoctorFinding[] | Promise<DoctorFinding | DoctorFinding[]>;

/** What cannot be looked at is a finding too: the others are told all the same. */
async function looked(check: string, look: Look): Promise<DoctorFinding[]> {
  try {
    return [await look()].flat();
  } catch (error) {
    return [fault(check, `could not be looked at: ${toAppError(error).message}`)];
  }
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
