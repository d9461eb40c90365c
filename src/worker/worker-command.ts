// The verb `worker`: serves capabilities to a control plane until a signal.

import { hostname } from 'node:os';
import { join } from 'node:path';
import { Command, Option } from 'commander';
import { systemClock } from '../base/clock.ts';
import { AppError } from '../base/errors.ts';
import { homeFolder, homePaths } from '../base/home.ts';
import { logSink } from '../base/log-file.ts';
import { createLogger } from '../base/logger.ts';
import { stopSignal } from '../base/stop-signal.ts';
import { SERVABLE } from './capabilities.ts';
import { controlAddress, workerKey } from './control-address.ts';
import { keepHealthFile } from './health-file.ts';
import type { Labels } from './manifest.ts';
import { startWorker } from './start-worker.ts';
import type { WorkerIo } from './worker-io.ts';

interface Flags {
  home?: string;
  control?: string;
  keyFile?: string;
  serve: string[];
  name?: string;
  slots: number;
  label?: string[];
  drain: number;
  healthFile?: string;
}

export function workerVerb(io: WorkerIo): Command {
  return new Command('worker')
    .summary('serve capabilities to a control plane')
    .description('Serves capabilities to a control plane over one outgoing stream until SIGTERM or SIGINT.')
    .addOption(new Option('--serve <capability...>', 'what to serve').choices(SERVABLE).default(['llm']))
    .option('--key-file <file>', 'file with the worker key (bww_...); default: BOWLINE_WORKER_KEY_FILE')
    .option('--name <name>', 'name that jobs show; default: the name of this machine')
    .option('--slots <number>', 'jobs at once', number('--slots', 1, 1024), 8)
    .option('--label <name=value...>', 'labels for selectors, e.g. region=eu tier=1')
    .option('--drain <seconds>', 'how long running jobs may take at the end', number('--drain', 0, 3600), 25)
    .option('--health-file <path>', 'touch this file while connected, for `bowline health --file`')
    .addHelpText(
      'after',
      `
Examples:
  on the machine of the control plane, make a key:
    $ bowline workers create-key gpu-box --package llm > worker.key
  on the machine with the model:
    $ bowline models set local --provider openai-compatible --model llama3.2 --base-url http://127.0.0.1:11434/v1
    $ bowline models default local
    $ bowline worker --serve llm --control https://bowline.example --key-file worker.key --slots 2`,
    )
    .action((_flags: unknown, command: Command) => runWorker(io, command.optsWithGlobals<Flags>()));
}

async function runWorker(io: WorkerIo, flags: Flags): Promise<void> {
  const home = homeFolder(flags.home, io.env);
  const control = controlAddress(flags.control, io.env, home);
  const key = workerKey(flags.keyFile, io.env, home);
  const name = (flags.name ?? hostname()).slice(0, 128);
  const to = io.env.BOWLINE_LOG_TO === 'stderr' ? 'stderr' : 'file';
  const sink = logSink(join(homePaths(home).logs, 'worker.log'), to);
  const log = createLogger('worker', sink, io.env.BOWLINE_LOG_LEVEL || 'info');
  const stopping = (io.stopping ?? stopSignal)();
  const worker = await startWorker({
    home,
    control,
    key,
    serve: flags.serve,
    name,
    slots: flags.slots,
    labels: labelsOf(flags.label ?? []),
    clock: systemClock,
    log,
    env: io.env,
  });
  // Timers of the work loop do not keep the process alive; while it waits for a control plane, this does.
  const alive = setInterval(() => {}, 60_000);
  const unwell = flags.healthFile
    ? keepHealthFile(flags.healthFile, () => worker.connected(), { clock: systemClock, log })
    : () => {};
  try {
    io.stderr.write(`connecting to ${control} ...\n`);
    void worker.ready.then(
      () => io.stdout.write(`ready ${JSON.stringify({ worker: name, control, serve: flags.serve })}\n`),
      () => {},
    );
    const ended = await Promise.race([stopping, worker.closed]);
    io.stderr.write(`stopping: ${ended ?? 'closed'}\n`);
    await worker.drain(flags.drain * 1000);
  } finally {
    unwell();
    clearInterval(alive);
  }
}

function labelsOf(pairs: readonly string[]): Labels {
  return Object.fromEntries(
    pairs.map((pair) => {
      const match = /^([\w.-]{1,64})=(.{0,128})$/.exec(pair);
      if (!match) throw new AppError('USAGE', { what: `--label ${pair}: it is NAME=VALUE` });
      return [match[1]!, match[2]!];
    }),
  );
}

const number = (flag: string, min: number, max: number) => (text: string) => {
  const value = Number(text);
  if (Number.isInteger(value) && value >= min && value <= max) return value;
  throw new AppError('USAGE', { what: `${flag} ${text}: it is a whole number from ${min} to ${max}` });
};
