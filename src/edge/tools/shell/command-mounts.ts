// What a command in bubblewrap sees beside the system: its program, its folder, what its words and its entry name. Denied files are hidden.
import { realpath } from 'node:fs/promises';
import { isAbsolute } from 'node:path';
import type { Allowlist } from '../../allowlist/allowlist.ts';
import type { OpenCommand, OpenPath } from '../../allowlist/open-command.ts';
import { contains, type ExecuteEntry } from '../../config/edge-config.ts';
import type { Program } from './find-program.ts';
import { isSystem } from './system-view.ts';

export interface CommandMounts {
  /** Options of bubblewrap. */
  readonly options: readonly string[];
  /** What must be found there before the command begins, as `device:inode` and path. */
  readonly checks: readonly string[];
  /** The paths that it shows beside the system, whatever they lead to. */
  readonly seen: readonly string[];
  /** Where the program is put, and those paths. */
  readonly binds: ReadonlySet<string>;
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
): Promise<CommandMounts> {
  const given = new Map<string, OpenPath | undefined>();
  for (const path of await namedBy(entry, allow)) given.set(path, undefined);
  given.set(opened.cwd.realPath, opened.cwd);
  for (const path of opened.paths.values()) given.set(path.realPath, path);
  const shown = [...given].filter(([path]) => !isSystem(path)).sort(([a], [b]) => a.length - b.length);
  const outermost = shown.filter(([path]) => !shown.some(([other]) => other !== path && contains(other, path)));
  const hidden = await Promise.all(outermost.map(([path]) => allow.deniedBelow(path, entries, signal)));
  const runs = isSystem(program.path) ? [] : ['--ro-bind', program.realPath, program.path];
  return {
    options: [
      ...shown.flatMap(([path]) => ['--ro-bind', path, path]),
      ...runs,
      ...hidden.flat().flatMap(({ path, folder }) => (folder ? NO_FOLDER(path) : ['--dev-bind', '/dev/null', path])),
    ],
    checks: shown.flatMap(([path, open]) => (open ? [`${open.stat.dev}:${open.stat.ino}`, path] : [])),
    seen: shown.map(([path]) => path),
    binds: new Set([...shown.map(([path]) => path), ...runs.slice(2)]),
  };
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
