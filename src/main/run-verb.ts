// Runs one command line: loads the verb that is used, and turns errors into words and an exit code, here and once. It composes
// nothing itself.

import { Command, CommanderError } from 'commander';
import { asCalled } from '../base/called-as.ts';
import { endNow, endProcess } from '../base/end-process.ts';
import { AppError } from '../base/errors.ts';
import { EXIT } from '../base/status-codes.ts';
import { oneLine } from '../base/trim-signs.ts';
import { BUILD } from '../base/version.ts';
import type { CliIo } from '../cli/io.ts';
import { reportError } from '../cli/report-error.ts';
import { guardTerminal } from './terminal-guard.ts';
import { verbIn } from './verb-in.ts';
import { type LoadVerb, VERBS } from './verbs.ts';

const HELP = `
Begin with:
  $ bowline init                                      asks a few questions, writes the first configuration
  $ bowline up                                        everything on this machine
  $ bowline ask 'Which notes are about the launch?'   in another terminal

Exit codes: 0 answered, 2 usage, 3 waiting for an approval, 4 queued, 5 refused, 6 failed, 7 timed out, 8 answered in part.
Each verb has examples: bowline VERB --help`;

type Programs = Readonly<Record<string, LoadVerb>>;

/** Runs the command line of this process to its end, and ends the process. */
export async function runVerb(argv: string[], programs: Programs = {}): Promise<never> {
  // Timers of the clock and a wait for a database do not keep a process alive; this does, until the verb has ended.
  const alive = setInterval(() => {}, 0x7fffffff);
  await run(argv, processIo(), programs);
  clearInterval(alive);
  return await endProcess(Number(process.exitCode ?? EXIT.answered));
}

async function run(argv: string[], io: CliIo, programs: Programs): Promise<void> {
  const program = new Command('bowline')
    .description('A distributed assistant runtime: a tiny edge keeps the hands, the cloud does the heavy work.')
    .version(BUILD)
    .option('--home <folder>', 'home of Bowline; default: BOWLINE_HOME, else ~/.bowline')
    .option('--control <url>', 'control plane; default: BOWLINE_CONTROL, else the one of the home')
    .addHelpText('after', HELP);
  try {
    const used = verbIn(argv);
    for (const verb of VERBS) {
      const load = verb.name === used ? (verb.load ?? programs[verb.name]) : undefined;
      if (load) (await load())(program, io);
      else program.command(verb.name).summary(verb.summary);
    }
    prepare(program, io);
    if (argv.length === 0) program.help({ error: true });
    await program.parseAsync(argv, { from: 'user' });
  } catch (error) {
    if (error instanceof CommanderError && error.exitCode === 0) return;
    const end = argv.indexOf('--');
    const json = (end < 0 ? argv : argv.slice(0, end)).includes('--json');
    reportError(usageOf(error), io, { home: program.opts<{ home?: string }>().home, json });
  }
}

/** Errors of the command line throw instead of ending the process, and are written by `reportError` only. */
function prepare(command: Command, io: CliIo): void {
  command
    .exitOverride()
    .configureOutput({
      outputError: () => {},
      writeOut: (text) => void io.stdout.write(asCalled(text, io.env)),
      writeErr: (text) => void io.stderr.write(asCalled(text, io.env)),
    })
    .configureHelp({ showGlobalOptions: true });
  for (const sub of command.commands) prepare(sub, io);
}

function usageOf(error: unknown): unknown {
  if (!(error instanceof CommanderError)) return error;
  if (error.code === 'commander.help') return new AppError('USAGE', { what: 'no verb was given' });
  return new AppError('USAGE', { what: oneLine(error.message.replace(/^error: /, '')) });
}

function processIo(): CliIo {
  guardTerminal();
  // A reader that has enough (`| head`) ends the command quietly.
  for (const stream of [process.stdout, process.stderr]) {
    stream.on('error', (error: NodeJS.ErrnoException) => endNow(error.code === 'EPIPE' ? EXIT.answered : EXIT.failed));
  }
  return {
    env: process.env,
    cwd: process.cwd(),
    stdin: process.stdin,
    stdout: process.stdout,
    stderr: process.stderr,
    onInterrupt: (listener) => {
      process.on('SIGINT', listener);
      return () => process.off('SIGINT', listener);
    },
    exit: (code) => {
      process.exitCode = code;
    },
  };
}
