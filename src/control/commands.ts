// The verb `control`: its flags and help, made from the table of settings. What it starts is handed in.
import { Command } from 'commander';
import { homeFolder } from '../base/home.ts';
import {
  settingOptions as anyOptions,
  flagTexts,
  ownOptions,
  type SettingFlags,
} from '../base/settings/setting-flags.ts';
import { readSettingsFile } from '../base/settings/settings-file.ts';
import type { SettledSettings } from '../base/settings/settle.ts';
import { settingsHelp, shownSettings } from '../base/settings/show-settings.ts';
import { type Beside, fromEnvironment, fromFlags } from '../base/settings/sources.ts';
import { type ControlConfig, settleControl } from './config.ts';
import { type CONTROL_SETTINGS, CONTROL_TABLE } from './settings.ts';

const EXAMPLE = 'BOWLINE_SCAN_MS=1000';

export type StartControl = (home: string, config: ControlConfig) => Promise<void>;

export type RecoverControl = (home: string, config: ControlConfig, force: boolean) => Promise<void>;

/** What the command line can say about settings. */
export interface ControlFlags extends SettingFlags {
  readonly host?: string;
  readonly port?: string;
  readonly database?: string;
  readonly redis?: string;
}

/** `bowline control`. Flags win over the environment, the environment over the file. */
export function controlVerb(
  env: NodeJS.ProcessEnv,
  start: StartControl,
  print: (line: string) => void,
  beside?: Beside,
): Command {
  const command = new Command('control')
    .summary('run the control plane on its own')
    .description(
      'Runs the control plane, on Postgres with --database or DATABASE_URL, or else on a database embedded in the home.',
    );
  ownOptions(command, CONTROL_TABLE);
  return controlOptions(command)
    .option('--print-config', 'print the settings, where each came from, and end; secrets are masked')
    .option('--json', 'print them as JSON')
    .addHelpText('after', `${settingsHelp(CONTROL_TABLE)}${EXAMPLES}`)
    .action(async (flags: ControlFlags & { printConfig?: boolean; json?: boolean }, verb: Command) => {
      const home = homeFolder(verb.optsWithGlobals<{ home?: string }>().home, env);
      const settled = settingsOf(home, env, flags, beside);
      if (flags.printConfig || flags.json) for (const line of shownSettings(settled, Boolean(flags.json))) print(line);
      else await start(home, settled.config);
    });
}

/** `bowline control recover`. It takes the settings of `control`, by the same flags. */
export function recoverVerb(env: NodeJS.ProcessEnv, recover: RecoverControl, beside?: Beside): Command {
  const command = new Command('recover')
    .summary('take a restored database back into use')
    .description(
      'Shows what stands still because the database is older than its edges, fences everything that was given out before, and lets the work go on.',
    );
  ownOptions(command, CONTROL_TABLE, '--database');
  return controlOptions(command)
    .option('--force', 'recover even if nothing shows that the database was restored')
    .addHelpText(
      'after',
      `
An edge that knows a later session than the database shows that the database is older: it was restored from a backup. Then
no work of its tenant is taken or given out, and \`bowline status\` says so, until this was run once. On an embedded database,
stop the control plane first.

Examples:
  $ DATABASE_URL=postgres://bowline@127.0.0.1/bowline bowline control recover
  $ bowline control recover --home /var/lib/bowline --force`,
    )
    .action(async (_flags: ControlFlags, verb: Command) => {
      const flags = verb.optsWithGlobals<ControlFlags & { home?: string; force?: boolean }>();
      const home = homeFolder(flags.home, env);
      await recover(home, settingsOf(home, env, flags, beside).config, flags.force ?? false);
    });
}

/** The flags by which every verb that runs a control plane takes any setting. */
export const controlOptions = (command: Command): Command =>
  anyOptions(command, EXAMPLE, 'BOWLINE_CONFIG, control.yaml of the home');

/** Settings by flags, else environment, else file. Throws USAGE, CONFIG_INVALID, SECRET_FILE_UNSAFE. */
export function settingsOf(
  home: string,
  env: NodeJS.ProcessEnv,
  flags: ControlFlags,
  beside?: Beside,
): SettledSettings<typeof CONTROL_SETTINGS> {
  const named = flagTexts(CONTROL_TABLE, flags, EXAMPLE);
  const file = readSettingsFile(CONTROL_TABLE, home, flags.config ?? (env.BOWLINE_CONFIG || undefined));
  return settleControl([fromFlags(CONTROL_TABLE, named, beside), fromEnvironment(CONTROL_TABLE, env, beside), file]);
}

const EXAMPLES = `

Examples:
  $ bowline control --home /var/lib/bowline --port 7420
  $ DATABASE_URL=postgres://bowline@127.0.0.1/bowline bowline control
  $ bowline control --config /etc/bowline/control.yaml --print-config --json`;
