// The verb `control`: its flags and help, made from the table of settings. What it starts is handed in.
import { Command } from 'commander';
import { AppError } from '../base/errors.ts';
import { homeFolder } from '../base/home.ts';
import { type ControlConfig, fromEnvironment, fromFlags, type Settled, settle } from './config.ts';
import { readControlFile } from './control-file.ts';
import { fallbackText, fileVariant, GROUPS, settingRows } from './settings.ts';

export type StartControl = (home: string, config: ControlConfig) => Promise<void>;

export type RecoverControl = (home: string, config: ControlConfig, force: boolean) => Promise<void>;

/** What the command line can say about settings. */
export interface SettingFlags {
  readonly host?: string;
  readonly port?: string;
  readonly database?: string;
  readonly redis?: string;
  readonly set?: readonly string[];
  readonly config?: string;
}

/** `bowline control`. Flags win over the environment, the environment over the file. */
export function controlVerb(env: NodeJS.ProcessEnv, start: StartControl, print: (line: string) => void): Command {
  const command = new Command('control')
    .summary('run the control plane on its own')
    .description('Runs the control plane: on Postgres by --database or DATABASE_URL, else embedded in the home.');
  for (const [, { flag, env: name, what }] of settingRows()) if (flag) command.option(flag, `${what} (${name})`);
  return settingOptions(command)
    .option('--print-config', 'print the settings, where each came from, and end; secrets are masked')
    .option('--json', 'print them as JSON')
    .addHelpText('after', settingsHelp())
    .action(async (flags: SettingFlags & { printConfig?: boolean; json?: boolean }, verb: Command) => {
      const home = homeFolder(verb.optsWithGlobals<{ home?: string }>().home, env);
      const settled = settingsOf(home, env, flags);
      if (flags.printConfig || flags.json) printSettings(settled, Boolean(flags.json), print);
      else await start(home, settled.config);
    });
}

/** `bowline control recover`. It takes the settings of `control`, by the same flags. */
export function recoverVerb(env: NodeJS.ProcessEnv, recover: RecoverControl): Command {
  const command = new Command('recover')
    .summary('take a restored database back into use')
    .description(
      'Shows what stands still because the database is older than its edges, fences everything that was given out before, and lets the work go on.',
    );
  for (const [, { flag, env: name, what }] of settingRows())
    if (flag?.startsWith('--database')) command.option(flag, `${what} (${name})`);
  return settingOptions(command)
    .option('--force', 'also when nothing shows that it was restored')
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
    .action(async (_flags: SettingFlags, verb: Command) => {
      const flags = verb.optsWithGlobals<SettingFlags & { home?: string; force?: boolean }>();
      const home = homeFolder(flags.home, env);
      await recover(home, settingsOf(home, env, flags).config, flags.force ?? false);
    });
}

/** The flags by which every verb that runs a control plane takes any setting. */
export function settingOptions(command: Command): Command {
  return command
    .option('--set <name=value>', 'any setting by its name, e.g. BOWLINE_SCAN_MS=1000; repeat it', gather)
    .option('--config <file>', 'file with settings (BOWLINE_CONFIG, control.yaml of the home)');
}

/** Settings by flags, else environment, else file. Throws USAGE, CONFIG_INVALID, SECRET_FILE_UNSAFE. */
export function settingsOf(home: string, env: NodeJS.ProcessEnv, flags: SettingFlags): Settled {
  const named = Object.fromEntries((flags.set ?? []).map(pair));
  for (const [, { env: name, flag }] of settingRows()) {
    const value = flag && flags[flag.replace(/^--| .*$/g, '') as 'host' | 'port' | 'database' | 'redis'];
    if (value !== undefined) named[name] = value;
  }
  const file = readControlFile(home, flags.config ?? (env.BOWLINE_CONFIG || undefined));
  return settle([fromFlags(named), fromEnvironment(env), file]);
}

const gather = (value: string, before: readonly string[] = []): readonly string[] => [...before, value];

function pair(text: string): [string, string] {
  const at = text.indexOf('=');
  if (at < 1) throw new AppError('USAGE', { what: '--set takes NAME=VALUE, such as BOWLINE_SCAN_MS=1000' });
  return [text.slice(0, at), text.slice(at + 1)];
}

function printSettings({ rows }: Settled, json: boolean, print: (line: string) => void): void {
  if (json) {
    print(JSON.stringify(Object.fromEntries(rows.map(({ name, value, from }) => [name, { value, from }])), null, 2));
    return;
  }
  const width = (pick: (row: (typeof rows)[number]) => string) => Math.max(...rows.map((row) => pick(row).length));
  const [names, values] = [width((row) => row.name), width((row) => row.value ?? '-')];
  for (const { name, value, from } of rows) print(`${name.padEnd(names)}  ${(value ?? '-').padEnd(values)}  ${from}`);
}

function settingsHelp(): string {
  const rows = settingRows();
  const width = Math.max(...rows.map(([, { env }]) => env.length));
  const lines: string[] = [];
  for (const [group, title] of Object.entries(GROUPS)) {
    lines.push('', `${title}:`);
    for (const [, setting] of rows.filter((row) => row[1].group === group)) {
      const fallback = fallbackText(setting);
      lines.push(`  ${setting.env.padEnd(width)}  ${setting.what}${fallback === undefined ? '' : ` (${fallback})`}`);
    }
  }
  const secrets = rows.flatMap(([, setting]) => (setting.kind === 'secret' ? [fileVariant(setting)] : []));
  return `
Settings, with their defaults. Each is a name of the environment, a key of control.yaml and a NAME for --set; flags win over
the environment, the environment over the file. Times are milliseconds, sizes bytes. ${secrets.join(' and ')} name a file
of mode 0600 that holds the value.
${lines.join('\n')}

Examples:
  $ bowline control --home /var/lib/bowline --port 7420
  $ DATABASE_URL=postgres://bowline@127.0.0.1/bowline bowline control
  $ bowline control --config /etc/bowline/control.yaml --print-config --json`;
}
