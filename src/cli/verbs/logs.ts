// The verb `logs`: the log files of the programs of this home.
import { readdirSync } from 'node:fs';
import { basename, join } from 'node:path';
import { Argument, Command, Option } from 'commander';
import { AppError } from '../../base/errors.ts';
import { inertJsonText, inertLine } from '../../base/inert.ts';
import { type GlobalOptions, homeOf } from '../client.ts';
import type { CliIo } from '../io.ts';
import { LogTail, onLogChange } from '../log-tail.ts';
import { Printer, type Style } from '../output.ts';
import { parseCount } from '../units.ts';

interface LogsOptions extends GlobalOptions {
  follow?: boolean;
  lines: number;
  json?: boolean;
}

export function logsVerb(io: CliIo): Command {
  return new Command('logs')
    .description('Show the logs of the programs of this home')
    .addArgument(new Argument('[program]', 'whose log; default: all').choices(['control', 'edge', 'worker']))
    .option('-f, --follow', 'keep printing new lines as they are written')
    .addOption(new Option('-n, --lines <count>', 'last lines of each file').argParser(parseCount(10_000)).default(100))
    .option('--json', 'print the lines as they are, one JSON object each')
    .addHelpText('after', '\nExamples:\n  $ bowline logs edge\n  $ bowline logs -f')
    .action((program: string | undefined, _o, command: Command) => logs(io, program, command.optsWithGlobals()));
}

async function logs(io: CliIo, program: string | undefined, options: LogsOptions): Promise<void> {
  const paths = filesOf(homeOf(io, options).logs, program);
  const tails = paths.map((path) => new LogTail(path));
  const out = new Printer(io.stdout, io.env);
  const print = (lines: readonly string[]) => {
    const sorted = tails.length > 1 ? [...lines].sort((a, b) => (timeOf(a) < timeOf(b) ? -1 : 1)) : lines;
    for (const line of sorted) printLine(out, line, options.json === true);
  };
  print(tails.flatMap((tail) => tail.last(options.lines)));
  if (options.follow) {
    const leave = new AbortController();
    const stop = io.onInterrupt(() => leave.abort());
    const more = () => print(tails.flatMap((tail) => tail.more()));
    onLogChange(paths, leave.signal, more);
    // What was written between the first look and the watch.
    more();
    await new Promise<void>((resolve) => leave.signal.addEventListener('abort', () => resolve(), { once: true }));
    stop();
  }
  for (const tail of tails) tail.close();
}

/** The log files of a home. Throws USAGE when there are none of that name. */
function filesOf(folder: string, program: string | undefined): string[] {
  const all = (() => {
    try {
      return readdirSync(folder)
        .filter((name) => name.endsWith('.log'))
        .sort();
    } catch {
      return [];
    }
  })();
  const wanted = program === undefined ? all : all.filter((name) => name === `${program}.log`);
  if (wanted.length > 0) return wanted.map((name) => join(folder, name));
  const there = all.map((name) => basename(name, '.log')).join(', ') || 'none';
  throw new AppError('USAGE', {
    what: `there is no log ${program === undefined ? '' : `of ${JSON.stringify(program.slice(0, 40))} `}in ${folder}; there: ${there}`,
  });
}

function printLine(out: Printer, line: string, json: boolean): void {
  const entry = entryOf(line);
  if (json || !entry) {
    out.raw(json ? inertJsonText(line) : inertLine(line));
    return;
  }
  const { time, level, program, msg, pid: _, ...rest } = entry;
  const fields = Object.entries(rest).map(
    ([key, value]) => `${key}=${typeof value === 'string' ? value : JSON.stringify(value)}`,
  );
  const [name, style] = LEVELS[Number(level)] ?? [String(level), undefined];
  const head = `${String(time ?? '')} ${String(program ?? '')} ${name}`;
  out.raw(
    `${out.style(inertLine(head), 'dim')} ${out.style(inertLine(String(msg ?? '')), style)} ${inertLine(fields.join(' '))}`.trimEnd(),
  );
}

/** pino's numbers. */
const LEVELS: Readonly<Record<number, readonly [string, Style | undefined]>> = {
  20: ['debug', 'dim'],
  30: ['info', undefined],
  40: ['warn', 'yellow'],
  50: ['error', 'red'],
  60: ['fatal', 'red'],
};

function entryOf(line: string): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(line);
    return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : undefined;
  } catch {
    return undefined;
  }
}

const timeOf = (line: string): string => String(entryOf(line)?.time ?? '');
