// The entry point `bowline`: loads the verb that is used, and turns errors into words and an exit code, here and once. It
// composes nothing itself.

import { Command, CommanderError } from 'commander';
import { endNow, endProcess } from '../base/end-process.ts';
import { AppError } from '../base/errors.ts';
import { EXIT } from '../base/status-codes.ts';
import { oneLine } from '../base/trim-signs.ts';
import { BUILD } from '../base/version.ts';
import type { CliIo } from '../cli/io.ts';
import { reportError } from '../cli/report-error.ts';
import { VERBS } from './verbs.ts';

const HELP = `
Begin with:
  $ bowline up --allow ~/notes                        everything on this machine
  $ bowline ask 'Which notes are about the launch?'   in another terminal

Exit codes: 0 answered, 2 usage, 3 waiting for an approval, 4 queued, 5 refused, 6 failed, 7 timed out.
Each verb has examples: bowline VERB --help`;

async function run(argv: string[], io: CliIo): Promise<void> {
  const program = new Command('bowline')
    .description('A distributed assistant runtime: a tiny edge keeps the hands, the cloud does the heavy work.')
    .version(BUILD)
    .option('--home <folder>', 'home of Bowline; default: BOWLINE_HOME, else ~/.bowline')
    .option('--control <url>', 'control plane; default: BOWLINE_CONTROL, else the one of the home')
    .addHelpText('after', HELP);
  try {
    const used = verbIn(argv);
    for (const { name, summary, load } of VERBS) {
      if (name === used) (await load())(program, io);
      else program.command(name).summary(summary);
    }
    if (used === 'edge') return;
    prepare(program);
    if (argv.length === 0) program.help({ error: true });
    await program.parseAsync(argv, { from: 'user' });
  } catch (error) {
    if (error instanceof CommanderError && error.exitCode === 0) return;
    reportError(usageOf(error), io, program.opts<{ home?: string }>().home);
  }
}

/** The first word that is not an option or the value of one; behind `help` the next. */
function verbIn(argv: readonly string[]): string | undefined {
  const words = argv.filter((word, i) => !word.startsWith('-') && !['--home', '--control'].includes(argv[i - 1] ?? ''));
  return words[0] === 'help' ? words[1] : words[0];
}

/** Errors of the command line throw instead of ending the process, and are written by `reportError` only. */
function prepare(command: Command): void {
  command
    .exitOverride()
    .configureOutput({ outputError: () => {} })
    .configureHelp({ showGlobalOptions: true });
  for (const sub of command.commands) prepare(sub);
}

function usageOf(error: unknown): unknown {
  if (!(error instanceof CommanderError)) return error;
  if (error.code === 'commander.help') return new AppError('USAGE', { what: 'no verb was given' });
  return new AppError('USAGE', { what: oneLine(error.message.replace(/^error: /, '')) });
}

function processIo(): CliIo {
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

// Timers of the clock and a wait for a database do not keep a process alive; this does, until the verb has ended.
const alive = setInterval(() => {}, 0x7fffffff);
await run(process.argv.slice(2), processIo());
clearInterval(alive);
await endProcess(Number(process.exitCode ?? EXIT.answered));
