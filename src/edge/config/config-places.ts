// The places that config.yaml and flags name: absolute, real, in the form that the disk has. What may be done there is decided elsewhere.
import { realpathSync, statSync } from 'node:fs';
import { basename, dirname, isAbsolute, join, normalize } from 'node:path';
import type { ConfigFile, ConfigPath } from '../../base/config-file.ts';
import { AppError } from '../../base/errors.ts';
import { userHome } from '../../base/home.ts';
import { onDisk, sameName } from '../../base/same-name.ts';
import { isNeverWritten } from './never-written.ts';
import { placeholderOf } from './placeholder.ts';

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

/** Whether `path` is `folder` or lies below it. Both normalised. */
export function contains(folder: string, path: string): boolean {
  return path === folder || path.startsWith(folder.endsWith('/') ? folder : `${folder}/`);
}

/** A place as it was named, and without symbolic links. */
export interface Place {
  readonly path: string;
  readonly realPath: string;
}

/** Throws CONFIG_INVALID where nothing is. */
export function configPlace(config: ConfigFile<unknown>, text: string, at: ConfigPath): Place {
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
export function configWritePlace(config: ConfigFile<unknown>, text: string, at: ConfigPath): WritePlace {
  const path = formOnDisk(config, absolute(config, text, at), at);
  const folder = isFolder(path);
  if (text.endsWith('/') && !folder) config.fail(at, `\`${text}\`: there is no such folder`);
  const parent = folder ? undefined : configPlace(config, dirname(path), at).realPath;
  const place = parent === undefined ? configPlace(config, path, at) : { path, realPath: join(parent, basename(path)) };
  if (isNeverWritten(place.realPath)) config.fail(at, `\`${text}\` ${NEVER}`);
  return { ...place, folder };
}

/** A folder that a command may change. Throws CONFIG_INVALID. */
export function writableFolder(config: ConfigFile<unknown>, text: string, at: ConfigPath): string {
  const { realPath } = configPlace(config, text, at);
  if (!statSync(realPath, { throwIfNoEntry: false })?.isDirectory()) config.fail(at, `\`${text}\` is no folder`);
  if (isNeverWritten(realPath)) config.fail(at, `\`${text}\` ${NEVER}`);
  if (contains(realPath, userHome(process.env))) config.fail(at, `\`${text}\` holds your home; name a folder in it`);
  return realPath;
}

/** A word of a command: a path has the form that the disk has; a placeholder must be one, and none may choose the program. */
export function ownWord(config: ConfigFile<unknown>, word: string, at: ConfigPath, program: boolean): string {
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

/** Absolute and normalised. Throws CONFIG_INVALID. */
export function absolute(config: ConfigFile<unknown>, text: string, at: ConfigPath): string {
  const path = text === '~' || text.startsWith('~/') ? join(userHome(process.env), text.slice(1)) : text;
  if (!isAbsolute(path)) config.fail(at, `\`${text}\` must be absolute or begin with \`~/\``);
  return trim(normalize(path));
}

/** What `--allow` names. @throws USAGE */
export function flagPlace(text: string, cwd: string, flag = '--allow'): Place {
  const path = trim(isAbsolute(text) ? normalize(text) : join(cwd, text));
  try {
    return placeAt(path);
  } catch (cause) {
    const why = cause instanceof AppError ? cause.message : 'this does not exist or cannot be read';
    throw new AppError('USAGE', { what: `${flag} ${text}: ${why}` }, { cause });
  }
}

/** What is not there yet is a file. */
export function flagWritePlace(text: string, cwd: string): WritePlace {
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
export function nameRoots(places: readonly (Place & { readable: boolean })[]): Root[] {
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
