// The edge's configuration: config.yaml and flags made into one frozen value. It judges form and places; what the roots
// and entries then allow is decided in allowlist/.
import { type ConfigFile, type ConfigPath, readConfig } from '../../base/config-file.ts';
import type { Setting } from '../../base/settings/setting.ts';
import { type SettledSettings, settle } from '../../base/settings/settle.ts';
import type { SettingTexts } from '../../base/settings/sources.ts';
import { mustBeOwners } from './config-owner.ts';
import {
  absolute,
  configPlace,
  configWritePlace,
  contains,
  flagPlace,
  flagWritePlace,
  nameRoots,
  ownWord,
  type Root,
  writableFolder,
} from './config-places.ts';
import { type ConfigTexts, type Confirm, configSchema } from './config-schema.ts';
import { EDGE_TABLE, type EdgeLimits } from './edge-settings.ts';
import { isPlaceOf, type LanEntry } from './lan-entry.ts';
import type { LocalModelEntry } from './local-model-entry.ts';
import type { NoticeEntry } from './notice-entry.ts';
import { conflictAmong, problemOfWrites } from './write-or-run.ts';

/** A file that may be written, or a folder with all below it. It, or its folder, existed when the configuration was read. */
export interface WriteEntry {
  readonly realPath: string;
  readonly folder: boolean;
  readonly confirm: Confirm;
}

/** A command that may be run. */
export interface ExecuteEntry {
  readonly argv: readonly string[];
  /** Real path; undefined: the caller chooses among the allowed folders. */
  readonly cwd: string | undefined;
  readonly confirm: Confirm;
  readonly output: 'share' | 'withhold';
  readonly isolation: 'auto' | 'none';
  readonly network: boolean;
  /** Real paths. */
  readonly read: readonly string[];
  /** Real paths of folders. */
  readonly writes: readonly string[];
  readonly preview: boolean;
  /** Whether the caller gives it; or the handle of the secret that it is. */
  readonly stdin: boolean | string;
  /** Values may be handles. */
  readonly env: Readonly<Record<string, string>>;
}

export interface EdgeConfig {
  readonly name: string | undefined;
  readonly control: string | undefined;
  readonly labels: Readonly<Record<string, string>>;
  readonly roots: readonly Root[];
  /** Patterns of what begins with a dot and may be read. */
  readonly hidden: readonly string[];
  readonly write: readonly WriteEntry[];
  readonly execute: readonly ExecuteEntry[];
  readonly lan: readonly LanEntry[];
  /** Files of secrets that do not lie in the home, by name. */
  readonly secrets: Readonly<Record<string, string>>;
  /** What is run when a call begins to wait for the owner. */
  readonly notify: NoticeEntry | undefined;
  /** What answers sensitive conversations; undefined: the rules. */
  readonly localModel: LocalModelEntry | undefined;
  readonly commandUid: number;
  /** What keeps the process that reads documents apart. */
  readonly documentIsolation: 'bubblewrap' | 'process';
  readonly limits: EdgeLimits;
  /** What happens when the archive of the ledger is full. */
  readonly ledgerFull: 'refuse' | 'drop_oldest';
  /** Who is told of the work of this edge. */
  readonly telemetry: 'none' | 'control';
}

interface LoadOptions {
  readonly allow?: readonly string[];
  /** What may be written beside; the owner is asked each time. */
  readonly allowWrite?: readonly string[];
  readonly cwd?: string;
  /** Sources of settings that win over the file, first the strongest. */
  readonly settings?: readonly SettingTexts[];
}

/** The settings of the edge with where each came from. Throws as `loadEdgeConfig`. */
export const edgeSettings = (
  file: string,
  settings: readonly SettingTexts[],
): SettledSettings<typeof EDGE_TABLE.rows> => settledBy(readOwn(file), settings);

function readOwn(file: string): ConfigFile<ConfigTexts> {
  mustBeOwners(file);
  return readConfig(file, configSchema);
}

function settledBy(config: ConfigFile<ConfigTexts>, stronger: readonly SettingTexts[] = []) {
  const top: Readonly<Record<string, unknown>> = config.value;
  const inside: Readonly<Record<string, unknown>> = config.value.limits;
  const keys = new Map<string, string[]>(
    Object.values(EDGE_TABLE.rows).map(({ env, key }) => [env, key.split('.')] as const),
  );
  const textOf = (path: readonly string[]) => {
    const value = path.length > 1 ? inside[path[1]!] : top[path[0]!];
    return value === undefined ? undefined : String(value);
  };
  const texts = Object.fromEntries([...keys].map(([name, path]) => [name, textOf(path)]));
  const call = ({ key, env }: Setting) => key ?? env;
  const fail = (name: string, problem: string) => config.fail(keys.get(name) ?? [], problem);
  return settle(EDGE_TABLE, [...stronger, { from: 'file', texts, call, fail }]);
}

/**
 * Reads config.yaml (a missing one counts as empty) and adds `allow` and `allowWrite` from the command line to what may be read and written.
 * @throws CONFIG_INVALID with line and column; USAGE for a path of the command line that does not exist
 */
export function loadEdgeConfig(file: string, options: LoadOptions = {}): EdgeConfig {
  const config = readOwn(file);
  const { name, control, labels, allow, secrets } = config.value;
  const { commandUid, documentIsolation, ledgerFull, telemetry, ...limits } = settledBy(
    config,
    options.settings,
  ).config;
  const readable = [
    ...(allow.read ?? []).map((path, i) => configPlace(config, path, ['allow', 'read', i])),
    ...(options.allow ?? []).map((path) => flagPlace(path, options.cwd ?? process.cwd())),
  ];
  const write = [
    ...(allow.write ?? []).map((entry, i) => ({
      confirm: entry.confirm,
      ...configWritePlace(config, entry.path, ['allow', 'write', i, 'path']),
    })),
    ...(options.allowWrite ?? []).map((path) => ({
      confirm: 'always' as const,
      ...flagWritePlace(path, options.cwd ?? process.cwd()),
    })),
  ];
  const execute = (allow.execute ?? []).map((entry, i): ExecuteEntry => {
    const at: ConfigPath = ['allow', 'execute', i];
    const cwd = entry.cwd === undefined ? undefined : configPlace(config, entry.cwd, [...at, 'cwd']).realPath;
    const argv = entry.argv.map((each, n) => ownWord(config, each, [...at, 'argv', n], n === 0));
    const read = entry.read.map((path, j) => configPlace(config, path, [...at, 'read', j]).realPath);
    const writes = entry.writes.map((path, j) => writableFolder(config, path, [...at, 'writes', j]));
    const wrong = problemOfWrites({ ...entry, argv, writes });
    if (wrong) config.fail(at, wrong);
    return { ...entry, argv, cwd, read, writes };
  });
  const lan = (allow.lan ?? []).map((entry, i): LanEntry => {
    const at: ConfigPath = ['allow', 'lan', i];
    if (control !== undefined && isPlaceOf(entry, control))
      config.fail([...at, 'url'], '`url` is that of the control plane, which no tool may ask');
    return entry.ca === undefined ? entry : { ...entry, ca: absolute(config, entry.ca, [...at, 'ca']) };
  });
  const { notify } = config.value;
  const conflict = conflictAmong({ write, execute, notify });
  if (conflict) config.fail(conflict.at, conflict.problem);
  const roots = nameRoots([
    ...readable.map((place) => ({ ...place, readable: true })),
    ...write
      .filter((w) => !readable.some((r) => contains(r.realPath, w.realPath)))
      .map((w) => ({ ...w, readable: false })),
  ]);
  return Object.freeze({
    name,
    control,
    labels,
    roots,
    hidden: allow.hidden ?? [],
    write: write.map(({ realPath, folder, confirm }) => ({ realPath, folder, confirm })),
    execute,
    lan,
    secrets: Object.fromEntries(
      Object.entries(secrets).map(([key, { file: path }]) => [key, absolute(config, path, ['secrets', key, 'file'])]),
    ),
    notify,
    localModel: config.value.local_model,
    commandUid,
    documentIsolation,
    limits: Object.freeze(limits),
    ledgerFull,
    telemetry,
  });
}
