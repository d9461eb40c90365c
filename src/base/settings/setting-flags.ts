// How a verb takes settings on its command line: `--set`, `--config`, and the flags that some settings have of their own.
import type { Command } from 'commander';
import { AppError } from '../errors.ts';
import type { SettingTable } from './setting.ts';

/** What every verb with settings can say about them. */
export interface SettingFlags {
  readonly set?: readonly string[];
  readonly config?: string;
}

/** The flags by which a verb takes any setting; `file` says where else the one of `--config` is looked for. */
export function settingOptions(command: Command, example: string, file: string): Command {
  return command
    .option('--set <name=value>', `any setting by its name, e.g. ${example}; repeat it`, gather)
    .option('--config <file>', `file with settings (${file})`);
}

/** The flags that settings of the table have of their own; those that begin with `only`, if it is given. */
export function ownOptions(command: Command, table: SettingTable, only = '--'): void {
  for (const { flag, env, what } of Object.values(table.rows))
    if (flag?.startsWith(only)) command.option(flag, `${what} (${env})`);
}

/** What the flags set, by setting name: those of their own win over `--set`. Throws USAGE. */
export function flagTexts(table: SettingTable, flags: SettingFlags, example: string): Record<string, string> {
  const named = Object.fromEntries((flags.set ?? []).map((text) => pair(text, example)));
  for (const { env, flag } of Object.values(table.rows)) {
    const value = flag && (flags as Readonly<Record<string, unknown>>)[keyOf(flag)];
    if (typeof value === 'string') named[env] = value;
    if (Array.isArray(value)) named[env] = value.join(',');
  }
  return named;
}

const gather = (value: string, before: readonly string[] = []): readonly string[] => [...before, value];

/** The key under which commander gives the value of a flag: `keyFile` of `--key-file <file>`. */
const keyOf = (flag: string): string =>
  flag
    .replace(/^--/, '')
    .split(' ')[0]!
    .replace(/-([a-z])/g, (_, letter: string) => letter.toUpperCase());

function pair(text: string, example: string): [string, string] {
  const at = text.indexOf('=');
  if (at < 1) throw new AppError('USAGE', { what: `--set takes NAME=VALUE, such as ${example}` });
  return [text.slice(0, at), text.slice(at + 1)];
}
