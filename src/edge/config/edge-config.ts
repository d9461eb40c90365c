// The edge's configuration: config.yaml and flags made into one frozen value. It judges form and places; what the roots
// and entries then allow is decided in allowlist/.
import { realpathSync, statSync } from 'node:fs';
import { basename, dirname, isAbsolute, join, normalize } from 'node:path';
import * as v from 'valibot';
import { type ConfigFile, type ConfigPath, readConfig } from '../../base/config-file.ts';
import { AppError } from '../../base/errors.ts';
import { userHome } from '../../base/home.ts';
import { onDisk, sameName } from '../../base/same-name.ts';
import { SECRET_NAME, SECRET_SCHEME, secretNamed } from '../../base/secret-files.ts';
import type { Setting } from '../../base/settings/setting.ts';
import { type SettledSettings, settle } from '../../base/settings/settle.ts';
import type { SettingTexts } from '../../base/settings/sources.ts';
import { EDGE_TABLE, type EdgeLimits, LIMITS } from './edge-settings.ts';
import { isNeverWritten } from './never-written.ts';
import { type NoticeEntry, noticeEntry } from './notice-entry.ts';
import { placeholderOf } from './placeholder.ts';
import { conflictAmong, problemOfWrites } from './write-or-run.ts';

/** A word of a program or of its environment: the system ends it at the first NUL. */
const word = v.pipe(
  v.string(),
  v.check((text) => !text.includes('\0'), 'a NUL character cannot be handed to a program'),
);

/** A word that may be a handle as a whole: a value is put in its place when the command starts. */
const wordOrHandle = v.pipe(
  word,
  v.check(
    (text) => !text.includes(SECRET_SCHEME) || secretNamed(text) !== undefined,
    'the handle of a secret stands alone: `secret://NAME`, with a name of lower-case letters, digits, `_` and `-`',
  ),
);

/** A word of a command line, which others of this machine can read. */
const openWord = v.pipe(
  word,
  v.check(
    (text) => !text.includes(SECRET_SCHEME),
    'a secret is never put among the words of a command, where others can read it: give it by `env` or `stdin`',
  ),
);

const isHandle = (text: string): boolean => secretNamed(text) !== undefined;

const confirm = v.picklist(['never', 'first', 'always']);

/** When the owner is asked: never, at the first call of a run, at each. */
export type Confirm = v.InferOutput<typeof confirm>;

/** Whether a setting stands under `limits` and not at the top. */
const isInside = ({ key }: { readonly key: string }): boolean => key.includes('.');

const raw = ({ kind }: { readonly kind: 'number' | 'choice' }) =>
  v.optional(kind === 'number' ? v.number() : v.string());

const schema = v.strictObject({
  /** Name of the device; default: the name of the machine. */
  name: v.optional(
    v.pipe(v.string(), v.regex(/^[a-z0-9][a-z0-9-]{0,62}$/, 'use lower-case letters, digits and hyphens')),
  ),
  /** URL of the control plane. */
  control: v.optional(v.pipe(v.string(), v.url())),
  /** Labels of the device, for selectors. */
  labels: v.optional(
    v.record(v.pipe(v.string(), v.regex(/^[a-z][a-z0-9_-]{0,62}$/)), v.pipe(v.string(), v.maxLength(128))),
    {},
  ),
  allow: v.optional(
    v.strictObject({
      /** Folders (or single files) that may be read. */
      read: v.optional(v.array(v.pipe(v.string(), v.minLength(1)))),
      // Patterns below the allowed folders, e.g. `.github` or `docs/.config/app.toml`; secret files stay denied.
      /** What begins with a dot and may be read all the same. */
      hidden: v.optional(v.pipe(v.array(v.pipe(v.string(), v.minLength(1), v.maxLength(512))), v.maxLength(64)), []),
      /** Files that may be written, and folders with all that lies below them; and whether the owner is asked. */
      write: v.optional(v.array(v.strictObject({ path: v.pipe(v.string(), v.minLength(1)), confirm }))),
      /** Commands that may be run, word by word. */
      execute: v.optional(
        v.array(
          v.strictObject({
            argv: v.pipe(v.array(v.pipe(openWord, v.minLength(1))), v.minLength(1), v.maxLength(256)),
            cwd: v.optional(v.string()),
            confirm,
            /** Whether what it prints, and how it ended, may leave the box. */
            output: v.optional(v.picklist(['share', 'withhold']), 'withhold'),
            /** `none`: the command runs as the edge itself and can reach the home, its keys and its socket. */
            isolation: v.optional(v.picklist(['auto', 'none']), 'auto'),
            /** Whether it may use the network. */
            network: v.optional(v.boolean(), false),
            /** More files and folders that it sees, read-only, beside the system's programs, its folder and the paths among its words. */
            read: v.optional(v.array(v.pipe(v.string(), v.minLength(1))), []),
            /** Folders that it may change, in bubblewrap. */
            writes: v.optional(v.pipe(v.array(v.pipe(v.string(), v.minLength(1))), v.maxLength(8)), []),
            /** Whether it is tried on a copy of these folders first, so that the owner says yes to what it changed. */
            preview: v.optional(v.boolean(), false),
            /** Whether the caller may give it standard input; or a handle: then it reads that secret. */
            stdin: v.optional(
              v.union([v.boolean(), v.pipe(v.string(), v.check(isHandle, 'use true, false or `secret://NAME`'))]),
              false,
            ),
            /** Its environment beside PATH and LANG; a value `secret://NAME` stands for a secret. */
            env: v.optional(v.record(v.pipe(v.string(), v.regex(/^[A-Za-z_][A-Za-z0-9_]*$/)), wordOrHandle), {}),
          }),
        ),
      ),
    }),
    {},
  ),
  /** Secrets that lie in files of their own, such as mounted ones; `bowline secrets set` keeps the others in the home. */
  secrets: v.optional(
    v.record(
      v.pipe(v.string(), v.regex(SECRET_NAME, 'use a lower-case letter, then lower-case letters, digits, `_` and `-`')),
      v.strictObject({ file: v.pipe(v.string(), v.minLength(1)) }),
    ),
    {},
  ),
  /** A command that tells you that something waits for your yes; `{title}` among its words stands for the title of the run. */
  notify: v.optional(noticeEntry(openWord)),
  // Judged with all other settings (edge-settings.ts); here only that a number is one.
  ...Object.fromEntries(Object.values(EDGE_TABLE.rows).flatMap((row) => (isInside(row) ? [] : [[row.key, raw(row)]]))),
  limits: v.optional(
    v.strictObject(Object.fromEntries(Object.entries(LIMITS).map(([key, row]) => [key, raw(row)]))),
    {},
  ),
});

/** A folder or file whose name comes first in relative paths. */
export interface Root {
  readonly name: string;
  /** As it was configured, absolute and normalised, each name in the form that the disk has. */
  readonly path: string;
  /** The same without symbolic links. */
  readonly realPath: string;
  /** False for a file that may only be written. */
  readonly readable: boolean;
}

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
  /** Files of secrets that do not lie in the home, by name. */
  readonly secrets: Readonly<Record<string, string>>;
  /** What is run when a call begins to wait for the owner. */
  readonly notify: NoticeEntry | undefined;
  readonly commandUid: number;
  /** What keeps the process that reads documents apart. */
  readonly documentIsolation: 'bubblewrap' | 'process';
  readonly limits: EdgeLimits;
  /** What happens when the archive of the ledger is full. */
  readonly ledgerFull: 'refuse' | 'drop_oldest';
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
): SettledSettings<typeof EDGE_TABLE.rows> => settledBy(readConfig(file, schema), settings);

function settledBy(config: ConfigFile<v.InferOutput<typeof schema>>, stronger: readonly SettingTexts[] = []) {
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
  const config = readConfig(file, schema);
  const { name, control, labels, allow, secrets } = config.value;
  const { commandUid, documentIsolation, ledgerFull, ...limits } = settledBy(config, options.settings).config;
  const readable = [
    ...(allow.read ?? []).map((path, i) => placeOf(config, path, ['allow', 'read', i])),
    ...(options.allow ?? []).map((path) => flagPlace(path, options.cwd ?? process.cwd())),
  ];
  const write = [
    ...(allow.write ?? []).map((entry, i) => ({
      confirm: entry.confirm,
      ...writePlace(config, entry.path, ['allow', 'write', i, 'path']),
    })),
    ...(options.allowWrite ?? []).map((path) => ({
      confirm: 'always' as const,
      ...flagWritePlace(path, options.cwd ?? process.cwd()),
    })),
  ];
  const execute = (allow.execute ?? []).map((entry, i): ExecuteEntry => {
    const at: ConfigPath = ['allow', 'execute', i];
    const cwd = entry.cwd === undefined ? undefined : placeOf(config, entry.cwd, [...at, 'cwd']).realPath;
    const argv = entry.argv.map((each, n) => ownWord(config, each, [...at, 'argv', n], n === 0));
    const read = entry.read.map((path, j) => placeOf(config, path, [...at, 'read', j]).realPath);
    const writes = entry.writes.map((path, j) => writableFolder(config, path, [...at, 'writes', j]));
    const wrong = problemOfWrites({ ...entry, argv, writes });
    if (wrong) config.fail(at, wrong);
    return { ...entry, argv, cwd, read, writes };
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
    secrets: Object.fromEntries(
      Object.entries(secrets).map(([key, { file: path }]) => [key, absolute(config, path, ['secrets', key, 'file'])]),
    ),
    notify,
    commandUid,
    documentIsolation,
    limits: Object.freeze(limits),
    ledgerFull,
  });
}

/** Whether `path` is `folder` or lies below it. Both normalised. */
export function contains(folder: string, path: string): boolean {
  return path === folder || path.startsWith(folder.endsWith('/') ? folder : `${folder}/`);
}

interface Place {
  readonly path: string;
  readonly realPath: string;
}

function placeOf(config: ConfigFile<unknown>, text: string, at: ConfigPath): Place {
  const path = absolute(config, text, at);
  try {
    return placeAt(path);
  } catch (error) {
    const why = error instanceof AppError ? error.message : 'does not exist or cannot be read';
    return config.fail(at, `\`${text}\`: ${why}`);
  }
}

/** Throws when nothing is there; NAME_AMBIGUOUS, LIMIT_EXCEEDED. */
function placeAt(path: string): Place {
  const there = onDisk(path) ?? path;
  return { path: there, realPath: realpathSync(there) };
}

/** A folder, or a file that need not exist yet, in a folder that must. */
function writePlace(config: ConfigFile<unknown>, text: string, at: ConfigPath): WritePlace {
  const path = formOnDisk(config, absolute(config, text, at), at);
  const folder = isFolder(path);
  if (text.endsWith('/') && !folder) config.fail(at, `\`${text}\`: there is no such folder`);
  const parent = folder ? undefined : placeOf(config, dirname(path), at).realPath;
  const place = parent === undefined ? placeOf(config, path, at) : { path, realPath: join(parent, basename(path)) };
  if (isNeverWritten(place.realPath)) config.fail(at, `\`${text}\` ${NEVER}`);
  return { ...place, folder };
}

function writableFolder(config: ConfigFile<unknown>, text: string, at: ConfigPath): string {
  const { realPath } = placeOf(config, text, at);
  if (!statSync(realPath, { throwIfNoEntry: false })?.isDirectory()) config.fail(at, `\`${text}\` is no folder`);
  if (isNeverWritten(realPath)) config.fail(at, `\`${text}\` ${NEVER}`);
  if (contains(realPath, userHome(process.env))) config.fail(at, `\`${text}\` holds your home; name a folder in it`);
  return realPath;
}

/** A word of a command: a path has the form that the disk has; a placeholder must be one, and none may choose the program. */
function ownWord(config: ConfigFile<unknown>, word: string, at: ConfigPath, program: boolean): string {
  if (isAbsolute(word)) return formOnDisk(config, word, at);
  try {
    if (placeholderOf(word) && program) config.fail(at, `\`${word}\` would let the caller choose the program; name it`);
    return word;
  } catch (error) {
    if (error instanceof AppError && error.reason === 'CONFIG_INVALID') throw error;
    return config.fail(
      at,
      `\`${word}\` is no placeholder: ${error instanceof AppError ? error.message : 'it cannot be read'}`,
    );
  }
}

const NEVER = 'is never written: programs or the system run what stands there, or take orders from it';

interface WritePlace extends Place {
  readonly folder: boolean;
}

const isFolder = (path: string): boolean => statSync(path, { throwIfNoEntry: false })?.isDirectory() ?? false;

/** A path in the form that the disk has, where it has it. */
function formOnDisk(config: ConfigFile<unknown>, path: string, at: ConfigPath): string {
  try {
    return onDisk(path) ?? path;
  } catch (error) {
    if (error instanceof AppError) return config.fail(at, `\`${path}\`: ${error.message}`);
    throw error;
  }
}

function absolute(config: ConfigFile<unknown>, text: string, at: ConfigPath): string {
  const path = text === '~' || text.startsWith('~/') ? join(userHome(process.env), text.slice(1)) : text;
  if (!isAbsolute(path)) config.fail(at, `\`${text}\` must be absolute or begin with \`~/\``);
  return trim(normalize(path));
}

function flagPlace(text: string, cwd: string, flag = '--allow'): Place {
  const path = trim(isAbsolute(text) ? normalize(text) : join(cwd, text));
  try {
    return placeAt(path);
  } catch (cause) {
    const why = cause instanceof AppError ? cause.message : 'this does not exist or cannot be read';
    throw new AppError('USAGE', { what: `${flag} ${text}: ${why}` }, { cause });
  }
}

/** What is not there yet is a file. */
function flagWritePlace(text: string, cwd: string): WritePlace {
  const path = trim(isAbsolute(text) ? normalize(text) : join(cwd, text));
  const folder = isFolder(path);
  const place = flagPlace(folder ? path : dirname(path), cwd, '--allow-write');
  const below = folder ? '' : basename(path);
  const realPath = join(place.realPath, below);
  if (isNeverWritten(realPath)) throw new AppError('USAGE', { what: `--allow-write ${text}: this ${NEVER}` });
  return { path: join(place.path, below), realPath, folder };
}

const trim = (path: string): string => (path.length > 1 && path.endsWith('/') ? path.slice(0, -1) : path);

/** The last part of the path, with `-2` and so on where two are the same. Repeated places count once. */
function nameRoots(places: readonly (Place & { readable: boolean })[]): Root[] {
  const roots: Root[] = [];
  for (const { path, realPath, readable } of places) {
    if (roots.some((root) => root.realPath === realPath)) continue;
    const base = basename(path) || 'root';
    let name = base;
    for (let n = 2; roots.some((root) => sameName(root.name, name)); n++) name = `${base}-${n}`;
    roots.push({ name, path, realPath, readable });
  }
  return roots;
}
