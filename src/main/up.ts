// The verb `up`: the whole of Bowline on this machine. The control plane is this process, worker and edge are its children, so
// that the end of one is not that of the others; they speak the same authenticated protocols as on machines apart.
import { existsSync } from 'node:fs';
import { resolve } from 'node:path';
import { Command } from 'commander';
import { systemClock } from '../base/clock.ts';
import { AppError } from '../base/errors.ts';
import { expandHome, homeFolder, homePaths } from '../base/home.ts';
import { lockHome } from '../base/home-lock.ts';
import { Lifecycle } from '../base/lifecycle.ts';
import type { Texts } from '../base/settings/sources.ts';
import { stopSignal } from '../base/stop-signal.ts';
import { watchStrayErrors } from '../base/stray-errors.ts';
import { type ControlFlags, controlOptions, settingsOf } from '../control/commands.ts';
import { controlSettingNames } from '../control/settings.ts';
import { loadEdgeConfig } from '../edge/config/edge-config.ts';
import { edgeSettingNames } from '../edge/config/edge-settings.ts';
import { edgeSet, settingSources } from '../edge/config/setting-sources.ts';
import { workerSettingsOf } from '../worker/program/config.ts';
import { workerSettingNames } from '../worker/program/settings.ts';
import { announce, type ControlProgramIo, noted, withdraw } from './control.ts';
import { memoryMb, NEEDED_MB } from './machine-memory.ts';
import { programLog } from './program.ts';
import { startAll, type UpSettings } from './start-all.ts';
import { whenRoom } from './when-room.ts';

export function upVerb(io: ControlProgramIo & { readonly cwd: string }): Command {
  const command = new Command('up')
    .summary('run everything on this machine')
    .description('Runs control plane, worker and edge on this machine until a signal; prints one `ready {...}` line.')
    .option('--allow <path...>', 'folders and files that may be read, beside those in config.yaml; repeat or list them')
    .option(
      '--allow-write <path...>',
      'folders and files that may be written, after you were asked; repeat or list them',
    )
    .option('--port <number>', 'port of the control plane; 0 lets the system choose (BOWLINE_PORT, 7420)')
    .option('--force', 'start although the memory is small');
  return controlOptions(command)
    .addHelpText(
      'after',
      `
Settings of the control plane: bowline control --help
Settings of the worker, from worker.yaml of the home: bowline worker --help

Examples:
  $ bowline up --allow ~/notes
  $ bowline up --home /srv/bowline --allow ~/notes ~/recipes --port 7500`,
    )
    .action(async (flags: UpFlags, command: Command) => {
      const { home } = command.optsWithGlobals<{ home?: string }>();
      if (!flags.force) checkMemory();
      const folder = homeFolder(home, io.env);
      const allow = allowed(folder, flags, io);
      const allowWrite = (flags.allowWrite ?? []).map((path) => resolve(io.cwd, expandHome(path, io.env)));
      await up(folder, upSettings(folder, flags, io.env), { allow, allowWrite }, io);
    });
}

type UpFlags = ControlFlags & { readonly allow?: string[]; readonly allowWrite?: string[]; readonly force?: boolean };

/** What `--allow` names. Throws USAGE where a path is not there, or where nothing may be read at all. */
function allowed(home: string, flags: UpFlags, { cwd, env }: { readonly cwd: string; readonly env: Texts }): string[] {
  const allow = (flags.allow ?? []).map((path) => resolve(cwd, expandHome(path, env)));
  const missing = allow.find((path) => !existsSync(path));
  if (missing) throw new AppError('USAGE', { what: `--allow ${missing}: there is no such file or folder` });
  if (allow.length === 0 && loadEdgeConfig(homePaths(home).config).roots.length === 0) {
    throw new AppError('USAGE', {
      what: 'nothing may be read: say --allow PATH, or list it under allow.read in config.yaml',
    });
  }
  return allow;
}

function upSettings(home: string, flags: UpFlags, env: Texts): UpSettings {
  const { config } = settingsOf(home, env, flags, {
    names: [...workerSettingNames(), ...edgeSettingNames()],
    set: true,
  });
  const set = flags.set ?? [];
  const beside = { names: [...controlSettingNames(), ...edgeSettingNames()], set: true };
  const worker = workerSettingsOf(home, env, { set }, beside).config;
  return { config, worker, set };
}

/** A control plane on a box that is too small would be killed at the worst moment; say so before. */
function checkMemory(): void {
  const have = memoryMb();
  if (have < NEEDED_MB) throw new AppError('MEMORY_TOO_SMALL', { have, need: NEEDED_MB });
}

async function up(
  home: string,
  settings: UpSettings,
  paths: { readonly allow: readonly string[]; readonly allowWrite: readonly string[] },
  io: ControlProgramIo,
): Promise<void> {
  const { config } = settings;
  const stopping = stopSignal(config.drainMs * 2);
  const lock = lockHome(home, 'control');
  const log = programLog(home, 'control', config.logLevel);
  watchStrayErrors(log);
  const life = new Lifecycle(log);
  const aborter = new AbortController();
  void stopping.then(() => aborter.abort());
  try {
    // What the edge would refuse later, with a worse message.
    loadEdgeConfig(homePaths(home).config, { ...paths, settings: settingSources(edgeSet(settings.set), io.env) });
    const { control, joined } = await startAll({
      ...settings,
      home,
      ...paths,
      env: io.env,
      say: noted(home, io.progress),
      clock: systemClock,
      log,
      life,
      signal: aborter.signal,
    });
    const first = await Promise.race([joined.then((device) => ({ device })), stopping]);
    if (typeof first !== 'string') {
      await whenRoom(() => announce(home, control.url), { progress: io.progress, signal: aborter.signal });
      io.out(`ready ${JSON.stringify({ control: control.url, home, ...first, model: control.model()?.name })}`);
    }
    io.progress(`stopping: ${await stopping}`);
  } finally {
    aborter.abort();
    withdraw(home);
    await life.stop(config.drainMs * 2);
    lock.release();
  }
}
