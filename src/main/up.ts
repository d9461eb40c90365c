// The verb `up`: the whole of Bowline on this machine. The control plane is this process, worker and edge are its children, so
// that the end of one is not that of the others; they speak the same authenticated protocols as on machines apart.
import { existsSync } from 'node:fs';
import { totalmem } from 'node:os';
import { join, resolve } from 'node:path';
import { Command } from 'commander';
import { type Clock, systemClock } from '../base/clock.ts';
import { AppError } from '../base/errors.ts';
import { expandHome, homeFolder, homePaths } from '../base/home.ts';
import { lockHome } from '../base/home-lock.ts';
import { Lifecycle } from '../base/lifecycle.ts';
import { stopSignal } from '../base/stop-signal.ts';
import { watchStrayErrors } from '../base/stray-errors.ts';
import { type SettingFlags, settingOptions, settingsOf } from '../control/commands.ts';
import type { ControlConfig } from '../control/config.ts';
import { settingNames as controlNames } from '../control/settings.ts';
import { loadEdgeConfig } from '../edge/config/edge-config.ts';
import { readIdentity } from '../edge/identity/identity.ts';
import { workerSettingsOf } from '../worker/program/config.ts';
import { type WorkerSettings, settingNames as workerNames } from '../worker/program/settings.ts';
import type { ChildOfUp } from './child-of-up.ts';
import { announce, type ControlProgramIo, withdraw } from './control.ts';
import { startEdgeChild } from './edge-child.ts';
import { programLog } from './program.ts';
import { type RunningControl, startControl } from './start-control.ts';
import { startWorkerChild } from './worker-child.ts';

/** What control plane, database and worker need together, in MB. */
const NEEDED_MB = 2_000;
const READY_MS = 120_000;

export function upVerb(io: ControlProgramIo & { readonly cwd: string }): Command {
  const command = new Command('up')
    .summary('run everything on this machine')
    .description('Runs control plane, worker and edge on this machine until a signal; prints one `ready {...}` line.')
    .option('--allow <path...>', 'folders and files that may be read, beside those in config.yaml; repeat or list them')
    .option('--port <number>', 'port of the control plane; 0 lets the system choose (BOWLINE_PORT, 7420)')
    .option('--force', 'start although the memory is small');
  return settingOptions(command)
    .addHelpText(
      'after',
      `
Settings of the control plane: bowline control --help
Settings of the worker, from worker.yaml of the home: bowline worker --help

Examples:
  $ bowline up --allow ~/notes
  $ bowline up --home /srv/bowline --allow ~/notes ~/recipes --port 7500`,
    )
    .action(async (flags: SettingFlags & { allow?: string[]; force?: boolean }, command: Command) => {
      const { home } = command.optsWithGlobals<{ home?: string }>();
      if (!flags.force) checkMemory();
      const allow = (flags.allow ?? []).map((path) => resolve(io.cwd, expandHome(path, io.env)));
      const missing = allow.find((path) => !existsSync(path));
      if (missing) throw new AppError('USAGE', { what: `--allow ${missing}: there is no such file or folder` });
      const folder = homeFolder(home, io.env);
      if (allow.length === 0 && loadEdgeConfig(homePaths(folder).config).roots.length === 0) {
        throw new AppError('USAGE', {
          what: 'nothing may be read: say --allow PATH, or list it under allow.read in config.yaml',
        });
      }
      const { config } = settingsOf(folder, io.env, flags, { names: workerNames(), set: true });
      const set = { set: flags.set ?? [] };
      const worker = workerSettingsOf(folder, io.env, set, { names: controlNames(), set: true }).config;
      await up(folder, { config, worker, ...set }, allow, io);
    });
}

/** A control plane on a box that is too small would be killed at the worst moment; say so before. */
function checkMemory(): void {
  const limit = process.constrainedMemory();
  const have = Math.floor(Math.min(totalmem(), limit > 0 ? limit : Number.POSITIVE_INFINITY) / 1e6);
  if (have < NEEDED_MB) throw new AppError('MEMORY_TOO_SMALL', { have, need: NEEDED_MB });
}

interface UpSettings {
  readonly config: ControlConfig;
  readonly worker: WorkerSettings;
  /** What `--set` said, for both. */
  readonly set: readonly string[];
}

async function up(
  home: string,
  { config, worker: settings, set }: UpSettings,
  allow: readonly string[],
  io: ControlProgramIo,
): Promise<void> {
  const stopping = stopSignal(config.drainMs * 2);
  const clock = systemClock;
  const lock = lockHome(home, 'control');
  const log = programLog(home, 'control', config.logLevel);
  watchStrayErrors(log);
  const life = new Lifecycle(log);
  const aborter = new AbortController();
  void stopping.then(() => aborter.abort());
  const paths = homePaths(home);
  try {
    // What the edge would refuse later, with a worse message.
    loadEdgeConfig(paths.config, { allow });
    io.progress('starting the control plane ...');
    const listening = Promise.withResolvers<string>();
    listening.promise.catch(() => undefined);
    // Before the control plane: it loads its programs while that opens its database.
    const worker = startWorkerChild({
      home,
      control: listening.promise,
      settings,
      set,
      env: io.env,
      drainMs: config.drainMs / 2,
      onMissing: io.progress,
      say: io.progress,
      clock,
      log,
    });
    life.onStop('worker', () => worker.stop(config.drainMs / 2));
    const children: ChildOfUp[] = [worker];
    const control = await startControl({
      home,
      config,
      clock,
      log,
      progress: io.progress,
      signal: aborter.signal,
      children: () => children.map((child) => child.figures()),
    });
    life.onStop('control plane', async () => void (await control.stop(config.drainMs)));
    // Before the control plane, which takes the results of what it finishes.
    life.onStop('worker before the control plane', () => worker.stop(config.drainMs / 2));
    listening.resolve(control.url);
    io.progress('starting the edge ...');
    let refused = false;
    const edge = startEdgeChild({
      home,
      control: control.url,
      allow,
      logFile: join(paths.logs, 'edge.log'),
      joinLine: async () => {
        // Also when the database is another one than the edge of this home joined.
        const known = (await readIdentity(paths.device))?.signingKey.publicKey;
        if (known && Buffer.compare(known, control.publicKey) === 0) return undefined;
        return `${control.url} ${await control.createJoinToken('')}`;
      },
      say: io.progress,
      onRefused: (why) => {
        refused = true;
        io.progress(`the edge is refused by the control plane: ${why}`);
      },
      clock,
      log,
    });
    children.push(edge);
    life.onStop('edge', () => edge.stop(config.drainMs / 2));
    const joined = edge.ready.then(async () => (await readIdentity(paths.device))?.name ?? '');
    const everyone = joined.then((device) =>
      everyoneIn(control, device, { clock, signal: aborter.signal, waits: () => !refused }),
    );
    const started = Promise.all([joined, worker.ready, everyone]);
    const first = await Promise.race([started, stopping]);
    if (typeof first !== 'string') {
      announce(home, control.url);
      io.out(`ready ${JSON.stringify({ control: control.url, home, device: first[0], model: control.model()?.name })}`);
    }
    io.progress(`stopping: ${await stopping}`);
  } finally {
    aborter.abort();
    withdraw(home);
    await life.stop(config.drainMs * 2);
    lock.release();
  }
}

interface EveryoneParts {
  readonly clock: Clock;
  readonly signal: AbortSignal;
  /** Whether the wait has an end: an owner who is told what to do needs this control plane for it. */
  readonly waits: () => boolean;
}

/** Resolves when a worker and the edge of this home are connected; other edges may be, too. */
async function everyoneIn(
  control: RunningControl,
  device: string,
  { clock, signal, waits }: EveryoneParts,
): Promise<void> {
  const end = clock.monotonic() + READY_MS;
  while (!signal.aborted) {
    if (control.devices().includes(device) && control.model() !== undefined) return;
    if (waits() && clock.monotonic() > end)
      throw new AppError('DEADLINE_EXCEEDED', { after: `${READY_MS} ms of waiting for worker and edge` });
    await new Promise<void>((resolve) => setTimeout(resolve, 20));
  }
}
