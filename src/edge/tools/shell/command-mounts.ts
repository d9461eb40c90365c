// What a command in bubblewrap sees beside the system: its program, its folder, what its words and its entry name. Denied files are hidden.
import { realpath } from 'node:fs/promises';
import { isAbsolute } from 'node:path';
import type { Allowlist } from '../../allowlist/allowlist.ts';
import { type DeniedPath, deniedBelow } from '../../allowlist/denied-below.ts';
import type { OpenCommand, OpenPath } from '../../allowlist/open-command.ts';
import { contains } from '../../config/config-places.ts';
import type { ExecuteEntry } from '../../config/edge-config.ts';
import { isNeverWritten } from '../../config/never-written.ts';
import { isInRepository, isRepository } from '../fs/change/repository.ts';
import type { Program } from './find-program.ts';
import { isSystem } from './system-view.ts';

export interface CommandMounts {
  /** Options of bubblewrap. */
  readonly options: readonly string[];
  /** What must be found there before the command begins, as `device:inode` and path. */
  readonly checks: readonly string[];
  /** The paths that it shows beside the system, whatever they lead to. */
  readonly seen: readonly string[];
  /** Whether a path lies in a folder of which the command sees a copy. */
  readonly isCopied: (path: string) => boolean;
  /** Where the program is put, and those paths. */
  readonly binds: ReadonlySet<string>;
}

/** A folder that a command may change, and where what it changes lies: there, or in a copy. */
export interface WritableFolder {
  readonly path: string;
  readonly from: string;
}

/**
 * Binds by name, and lets the launcher compare what came of it with what was opened.
 * @param entries most files that are looked through for denied ones
 * @throws COMMAND_VIEW_TOO_LARGE, why `signal` aborted
 */
export async function commandMounts(
  opened: OpenCommand,
  entry: ExecuteEntry,
  program: Program,
  allow: Allowlist,
  entries: number,
  signal: AbortSignal,
  writable: readonly WritableFolder[] = [],
): Promise<CommandMounts> {
  const given = new Map<string, OpenPath | undefined>();
  for (const path of await namedBy(entry, allow)) given.set(path, undefined);
  for (const { path } of writable) given.set(path, undefined);
  given.set(opened.cwd.realPath, opened.cwd);
  for (const path of opened.paths.values()) given.set(path.realPath, path);
  const shown = [...given].filter(([path]) => !isSystem(path)).sort(([a], [b]) => a.length - b.length);
  const outermost = shown.filter(([path]) => !shown.some(([other]) => other !== path && contains(other, path)));
  const hidden = await Promise.all(outermost.map(([path]) => allow.deniedBelow(path, entries, signal)));
  const closed = await Promise.all(writable.map(({ path }) => closedIn(path, entries, signal)));
  const runs = isSystem(program.path) ? [] : ['--ro-bind', program.realPath, program.path];
  const around = (path: string) => writable.find((folder) => contains(folder.path, path));
  const bind = (path: string): string[] => {
    const folder = around(path);
    if (!folder) return ['--ro-bind', path, path];
    return folder.path === path ? ['--bind', folder.from, path] : [];
  };
  // What lies in a copy is another file there. Which folder was copied is compared before.
  const isCopied = (path: string) => around(path) !== undefined && around(path)?.from !== around(path)?.path;
  return {
    options: [
      ...shown.flatMap(([path]) => bind(path)),
      ...runs,
      // What a machine or a program takes its orders from may be seen there, and stays as it is.
      ...closed.flat().flatMap(({ path }) => ['--ro-bind', path, path]),
      ...hidden.flat().flatMap(({ path, folder }) => (folder ? NO_FOLDER(path) : ['--dev-bind', '/dev/null', path])),
    ],
    checks: shown.flatMap(([path, open]) =>
      open && !isCopied(path) ? [`${open.stat.dev}:${open.stat.ino}`, path] : [],
    ),
    isCopied,
    seen: shown.map(([path]) => path),
    binds: new Set([...shown.map(([path]) => path), ...runs.slice(2)]),
  };
}

/** What stays as it is in a folder that may be changed: the places that nothing writes, and repositories of git under any name. */
async function closedIn(folder: string, entries: number, signal: AbortSignal): Promise<DeniedPath[]> {
  if (await isInRepository(folder)) return [{ path: folder, folder: true }];
  const stays = async (path: string, isFile: boolean) =>
    isNeverWritten(path) || (!isFile && (await isRepository(path)));
  return deniedBelow(folder, stays, entries, signal);
}

const NO_FOLDER = (path: string): string[] => ['--tmpfs', path, '--remount-ro', path];

/** Absolute paths among the entry's own words, and what it lists. */
async function namedBy({ argv, read }: ExecuteEntry, allow: Allowlist): Promise<string[]> {
  const named = [...argv.slice(1).filter((word) => isAbsolute(word)), ...read];
  const real = await Promise.all(named.map((path) => realpath(path).catch(() => undefined)));
  return named.filter((path, i) => {
    const there = real[i];
    return there !== undefined && !allow.isDenied(path) && !allow.isDenied(there);
  });
}
