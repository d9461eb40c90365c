// The configuration of a worker: its settings from flags, environment and file, and the rules that they must keep together.
// It reads nothing but the settings' file and files that hold a secret.
import type { Command } from 'commander';
import { AppError } from '../../base/errors.ts';
import { flagTexts, type SettingFlags, settingOptions } from '../../base/settings/setting-flags.ts';
import { readSettingsFile } from '../../base/settings/settings-file.ts';
import { type SettledSettings, settle } from '../../base/settings/settle.ts';
import { type Beside, fromEnvironment, fromFlags, type SettingTexts, type Texts } from '../../base/settings/sources.ts';
import { servable } from './capability-names.ts';
import { WORKER_SETTINGS, WORKER_TABLE, type WorkerSettings } from './settings.ts';

const EXAMPLE = 'BOWLINE_WORKER_SLOTS=2';

/** The settings from the environment alone. Throws USAGE that names the setting. */
export function workerSettings(env: Texts = {}): WorkerSettings {
  return settleWorker([fromEnvironment(WORKER_TABLE, env)]).config;
}

/** The flags by which `worker` takes any setting. */
export const workerOptions = (command: Command): Command => settingOptions(command, EXAMPLE, 'worker.yaml of the home');

/** Settings by flags, else environment, else file. Throws USAGE, CONFIG_INVALID, SECRET_FILE_UNSAFE. */
export function workerSettingsOf(
  home: string,
  env: Texts,
  flags: SettingFlags,
  beside?: Beside,
): SettledSettings<typeof WORKER_SETTINGS> {
  const named = flagTexts(WORKER_TABLE, flags, EXAMPLE);
  const file = readSettingsFile(WORKER_TABLE, home, flags.config);
  return settleWorker([fromFlags(WORKER_TABLE, named, beside), fromEnvironment(WORKER_TABLE, env, beside), file]);
}

function settleWorker(sources: readonly SettingTexts[]): SettledSettings<typeof WORKER_SETTINGS> {
  const settled = settle(WORKER_TABLE, sources);
  mustFitTogether(settled.config);
  return settled;
}

function mustFitTogether({ serve, reconnectMs, reconnectMaxMs }: WorkerSettings): void {
  servable(serve);
  if (reconnectMs > reconnectMaxMs) {
    const [first, longest] = [WORKER_SETTINGS.reconnectMs.env, WORKER_SETTINGS.reconnectMaxMs.env];
    throw new AppError('USAGE', { what: `${first} must not be more than ${longest}` });
  }
}
