// Bubblewrap on this machine: where it is, in which ways it may work here, and the options that put parts of the system into what it makes.
// What a program sees and what bounds it is up to whoever starts it.
import { access, constants, lstat, readlink, realpath } from 'node:fs/promises';

const PLACES = ['/usr/bin/bwrap', '/usr/local/bin/bwrap', '/bin/bwrap'];

/** How it is used; each part may be refused by the kernel or by the container that this runs in. */
export interface BubblewrapWay {
  /** Whether there is a /proc of its own inside. In an ordinary container the kernel allows none. */
  readonly proc: boolean;
  /** Whether the kernel itself refuses further user namespaces inside; else the filter of system calls does. */
  readonly usersOff: boolean;
}

/** The programs that may be started, best first. @param places where to look, the usual ones by default */
export async function bubblewrapsIn(
  places: readonly string[] = PLACES,
): Promise<{ found: string[]; places: readonly string[] }> {
  const found: string[] = [];
  for (const place of places) {
    const may = await access(place, constants.X_OK).then(
      () => true,
      () => false,
    );
    if (may) found.push(place);
  }
  return { found, places };
}

/** The first way that works, safest first. Without a filter of system calls only the kernel can refuse user namespaces. */
export async function firstWay(
  filtered: boolean,
  works: (way: BubblewrapWay) => Promise<boolean>,
): Promise<BubblewrapWay | undefined> {
  for (const usersOff of filtered ? [true, false] : [true]) {
    for (const proc of [true, false]) {
      const way = { proc, usersOff };
      if (await works(way)) return way;
    }
  }
  return undefined;
}

/** What of the machine is put there, read-only. What does not exist is left out. */
export interface SystemParts {
  readonly paths: readonly string[];
  /** Folders that are links into /usr on most systems. */
  readonly oldFolders: readonly string[];
}

/** Options for the system's files, and for devices without any state. */
export async function systemOptions({ paths, oldFolders }: SystemParts): Promise<string[]> {
  const options: string[] = [];
  for (const path of paths) options.push(...(await readOnly(path)));
  for (const path of oldFolders) {
    const found = await lstat(path).catch(() => undefined);
    if (found?.isSymbolicLink()) options.push('--symlink', await readlink(path), path);
    else if (found?.isDirectory()) options.push('--ro-bind', path, path);
  }
  return [...options, '--dir', '/dev', ...DEVICES.flatMap((path) => ['--dev-bind', path, path])];
}

const DEVICES = ['/dev/null', '/dev/zero', '/dev/full', '/dev/random', '/dev/urandom'];

/** Options for one path, read-only. Links are followed: a file of /etc may lie in /run. */
export async function readOnly(path: string): Promise<string[]> {
  const real = await realpath(path).catch(() => undefined);
  return real === undefined ? [] : ['--ro-bind', real, path];
}

/** Names of the open descriptors, which need a /proc to lead anywhere. */
export const DESCRIPTOR_LINKS: readonly string[] = [
  ...['--symlink', '/proc/self/fd', '/dev/fd', '--symlink', '/proc/self/fd/0', '/dev/stdin'],
  ...['--symlink', '/proc/self/fd/1', '/dev/stdout', '--symlink', '/proc/self/fd/2', '/dev/stderr'],
];
