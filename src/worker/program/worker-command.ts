// The verb `worker`: serves capabilities to a control plane until a signal.
import { hostname } from 'node:os';
import { join } from 'node:path';
import { toJsonString } from '@bufbuild/protobuf';
import { Command, Option } from 'commander';
import { FailureSchema } from '../../../gen/bowline/common/v1/common_pb.ts';
import { systemClock } from '../../base/clock.ts';
import { controlAddress, controlUrl } from '../../base/control-address.ts';
import { AppError } from '../../base/errors.ts';
import { homeFolder, homePaths } from '../../base/home.ts';
import { inertLine } from '../../base/inert.ts';
import { logSink } from '../../base/log-file.ts';
import { createLogger, type Logger } from '../../base/logger.ts';
import { watchLoop } from '../../base/loop-watch.ts';
import { ownOptions, type SettingFlags } from '../../base/settings/setting-flags.ts';
import { settingsHelp, shownSettings } from '../../base/settings/show-settings.ts';
import type { Beside } from '../../base/settings/sources.ts';
import { sparing } from '../../base/sparing-logger.ts';
import { stopSignal } from '../../base/stop-signal.ts';
import { watchStrayErrors } from '../../base/stray-errors.ts';
import { toFailure } from '../../contract/errors.ts';
import type { Env } from '../kit/key-ref.ts';
import { SERVABLE } from './capability-names.ts';
import { workerOptions, workerSettingsOf } from './config.ts';
import { FAILED, FOUND, HandedLines, MISSING } from './handed.ts';
import { keepHealthFile } from './health-file.ts';
import { keepNote } from './keep-note.ts';
import { noticed } from './notice-file.ts';
import { openSpans } from './open-spans.ts';
import { WORKER_SETTINGS, WORKER_TABLE, type WorkerSettings } from './settings.ts';
import { startWorker, type WorkerOptions } from './start-worker.ts';
import type { WorkerIo } from './worker-io.ts';
import { workerKey } from './worker-key.ts';

interface Flags extends SettingFlags {
  home?: string;
  control?: string;
  drain?: number;
  printConfig?: boolean;
  json?: boolean;
  withParent?: boolean;
}

/** `beside` are the programs whose settings may stand in the same environment; default: none. */
export function workerVerb(io: WorkerIo, beside?: Beside): Command {
  const command = new Command('worker')
    .summary('serve capabilities to a control plane')
    .description('Serves capabilities to a control plane over one outgoing stream until SIGTERM or SIGINT.');
  ownOptions(command, WORKER_TABLE);
  return workerOptions(command)
    .option(
      '--drain <seconds>',
      `how long running jobs may take at the end (${WORKER_SETTINGS.drainMs.env}, in milliseconds)`,
      number('--drain', 0, 3600),
    )
    .option('--print-config', 'print the settings, where each came from, and end; secrets are masked')
    .option('--json', 'print them as JSON')
    .addOption(new Option('--with-parent', 'be the worker of `bowline up`, and end with it').hideHelp())
    .addHelpText(
      'after',
      `${settingsHelp(WORKER_TABLE)}

This build serves ${SERVABLE.join(', ')}.

Examples:
  on the machine of the control plane, make a key:
    $ bowline workers create-key gpu-box --package llm > worker.key
  on the machine with the model:
    $ bowline models set local --provider openai-compatible --model llama3.2 --base-url http://127.0.0.1:11434/v1
    $ bowline models default local
    $ bowline worker --serve llm --control https://bowline.example --key-file worker.key --slots 2
  in a container, by its environment alone:
    BOWLINE_CONTROL=https://bowline.example BOWLINE_WORKER_KEY_FILE=/run/secrets/worker-key BOWLINE_WORKER_SERVE=llm`,
    )
    .action(async (_flags: unknown, command: Command) => {
      const flags = command.optsWithGlobals<Flags>();
      const home = homeFolder(flags.home, io.env);
      if (flags.withParent) return runHanded(io, home, beside);
      const settled = workerSettingsOf(home, io.env, withDrain(flags), beside);
      if (!flags.printConfig && !flags.json) return runAlone(io, home, flags.control, settled.config);
      for (const line of shownSettings(settled, Boolean(flags.json))) io.stdout.write(`${line}\n`);
    });
}

/** `--drain` is in seconds, its setting in milliseconds. */
const withDrain = (flags: Flags): SettingFlags =>
  flags.drain === undefined
    ? flags
    : { ...flags, set: [...(flags.set ?? []), `${WORKER_SETTINGS.drainMs.env}=${flags.drain * 1000}`] };

async function runAlone(
  io: WorkerIo,
  home: string,
  stated: string | undefined,
  settings: WorkerSettings,
): Promise<void> {
  const stopping = io.stopping?.() ?? stopSignal(settings.drainMs);
  const control = controlAddress({ flag: stated, env: io.env, paths: homePaths(home), joined: false });
  io.stderr.write(`connecting to ${control} ...\n`);
  const name = hostname().slice(0, 128);
  await runWorker(io, { home, control: Promise.resolve(control), settings, stopping, env: io.env, name });
}

/** As the child of `up`: with the settings and the environment that it is handed, until a signal or the end of its parent. */
async function runHanded(io: WorkerIo, home: string, beside: Beside = { names: [] }): Promise<void> {
  const lines = new HandedLines(io.stdin);
  let told = false;
  try {
    const { env, set } = await lines.settings();
    const settings = workerSettingsOf(home, env, { set }, { ...beside, set: true }).config;
    const stopping = io.stopping?.() ?? stopSignal(settings.drainMs);
    const stopped = stopping.then(() => {
      throw new AppError('CANCELED');
    });
    const control = Promise.race([lines.next(), stopped]).then((line) => {
      told = true;
      return controlUrl(line);
    });
    await runWorker(io, {
      home,
      control,
      settings,
      // Nobody is left to take a result.
      stopping: Promise.race([stopping, lines.ended.then(() => 'gone' as const)]),
      env,
      name: hostname().slice(0, 128),
      onMissing: (capability, error) => {
        if (capability === 'llm') throw error;
        io.stdout.write(`${MISSING}${inertLine(`${capability}: ${error.message}`)}\n`);
      },
      onFound: (capability) => void io.stdout.write(`${FOUND}${capability}\n`),
    });
  } catch (error) {
    // It was to stop before there was anywhere to connect to.
    if (!told && error instanceof AppError && error.reason === 'CANCELED') return;
    io.stdout.write(`${FAILED}${toJsonString(FailureSchema, toFailure(error))}\n`);
    throw error;
  }
}

interface WorkerRun {
  readonly home: string;
  /** The URL of the control plane, once there is one. */
  readonly control: Promise<string>;
  readonly settings: WorkerSettings;
  /** Resolves with why it stops; 'gone' when there is nobody to finish for. */
  readonly stopping: Promise<string>;
  readonly env: Env;
  readonly name: string;
  readonly onMissing?: WorkerOptions['onMissing'];
  readonly onFound?: WorkerOptions['onFound'];
}

async function runWorker(io: WorkerIo, run: WorkerRun): Promise<void> {
  const { home, settings } = run;
  const sink = logSink(join(homePaths(home).logs, 'worker.log'), settings.logTo);
  const log = createLogger('worker', sink, settings.logLevel);
  const unwatch = watchStrayErrors(log);
  try {
    await serve(io, run, log);
  } finally {
    unwatch();
  }
}

async function serve(io: WorkerIo, run: WorkerRun, log: Logger): Promise<void> {
  const { home, settings, stopping, onMissing, onFound } = run;
  // The control plane makes the key at its first start.
  const dial = run.control.then((control) => ({ control, ...workerKey(settings.keyFile, home) }));
  dial.catch(() => {});
  const spans = await openSpans(settings.otlpUrl, settings.name ?? run.name);
  const worker = await startWorker({
    home,
    dial,
    serve: ['llm'],
    name: run.name,
    settings,
    clock: systemClock,
    log,
    env: run.env,
    spans: spans.take,
    ...(onFound ? { onFound } : {}),
    ...(onMissing === undefined
      ? {}
      : {
          onMissing: (capability, error) => {
            onMissing(capability, error);
            log.warn('a capability is not served here', { capability, why: error.message });
          },
        }),
  });
  const { control } = await dial;
  // Timers of the work loop do not keep the process alive; while it waits for a control plane, this does.
  const alive = setInterval(() => {}, 60_000);
  const turns = watchLoop(sparing(log, systemClock));
  const unwell = settings.healthFile
    ? keepHealthFile(settings.healthFile, () => worker.connected(), {
        clock: systemClock,
        log,
        turns: () => turns.figures,
      })
    : () => {};
  const { name, serves } = worker;
  const watched = new AbortController();
  const kept = keepNote(homePaths(home).workers, () => ({ name, serves, control, connected: worker.connected() }), {
    clock: systemClock,
    log,
  });
  try {
    void worker.ready.then(
      () => {
        // Whoever reads `ready` may ask for the state of this home.
        kept.look();
        io.stdout.write(`ready ${JSON.stringify({ worker: worker.name, control, serve: worker.serves })}\n`);
      },
      () => {},
    );
    const notice = noticed(settings.noticeFile, systemClock, watched.signal);
    const ended = await Promise.race([stopping, worker.closed, notice]);
    io.stderr.write(`stopping: ${ended ?? 'closed'}\n`);
    await worker.drain(ended === 'gone' ? 0 : ended === 'notice' ? settings.noticeMs : settings.drainMs);
  } finally {
    watched.abort();
    unwell();
    kept.stop();
    turns.stop();
    clearInterval(alive);
    await spans.close();
  }
}

const number = (flag: string, min: number, max: number) => (text: string) => {
  const value = Number(text);
  if (Number.isInteger(value) && value >= min && value <= max) return value;
  throw new AppError('USAGE', { what: `${flag} ${text}: it is a whole number from ${min} to ${max}` });
};
