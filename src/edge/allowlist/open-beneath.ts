// The one opener: every path that a tool, a share or a command names is walked here, part by part, each opened beneath the one
// before by its descriptor. Nothing outside the root is ever looked at, and what is judged is what is open.
import { type BigIntStats, constants } from 'node:fs';
import { type FileHandle, open, readlink, realpath } from 'node:fs/promises';
import { join, normalize } from 'node:path';
import { AppError } from '../../base/errors.ts';
import { otherForm } from '../../base/same-name.ts';
import { contains } from '../config/config-places.ts';
import { inRoot, type JudgedPath, refused } from './judge-path.ts';

/** What may never be opened. */
export interface Denials {
  /** By name: a path below (or of) a root. */
  path(path: string, judged: JudgedPath, isFile?: boolean): boolean;
  /** By device and inode, whatever its name: the home and all that is in it. */
  identity(stat: BigIntStats): Promise<boolean>;
}

/** An open file or folder. Whoever opened it closes it. */
export interface Opened {
  /** On Linux a descriptor of the place alone (O_PATH): `placeOf` opens or names exactly what was judged. */
  readonly handle: FileHandle;
  readonly stat: BigIntStats;
  /** Where it is, as the kernel tells. */
  readonly realPath: string;
  /** As it was asked for, each name in the form that the disk has. */
  readonly judged: JudgedPath;
}

const LINUX = process.platform === 'linux';
/** Opens the place and not what is in it: no device, pipe or link has an effect. Elsewhere the nearest that there is. */
const PLACE = LINUX ? 0o10000000 : constants.O_RDONLY | constants.O_NONBLOCK;
/** As many links as Linux follows. */
const MAX_LINKS = 40;

/** The path by which an open descriptor is reached again, whatever happens to its name. */
export const placeOf = ({ handle, realPath }: Pick<Opened, 'handle' | 'realPath'>): string =>
  LINUX ? `/proc/self/fd/${handle.fd}` : realPath;

/**
 * Opens what a judged path leads to. Links are followed as long as they stay in the root. Undefined when nothing is there.
 * A name that is not there is looked for in its other form. @throws PATH_NOT_ALLOWED when it leads out or is denied, whether or not its
 * target exists; NAME_AMBIGUOUS, LIMIT_EXCEEDED, FILE_UNREADABLE, FILE_CHANGED
 */
export async function openBeneath(judged: JudgedPath, denials: Denials): Promise<Opened | undefined> {
  const base = judged.root.realPath;
  let parts = partsOf(judged.relative);
  const asked = parts.length;
  /** The parts that were asked for, as far as they are open. What a link leads over is none of them. */
  const named: string[] = [];
  let at = await openRoot(judged, denials);
  for (let links = 0; at; ) {
    const part = parts.shift();
    if (part === undefined) return { ...at, judged: inRoot(judged.root, named.join('/')) };
    const parent: Opened = at;
    try {
      judgeNames(judged, denials, [parent.realPath, part]);
      const found = parent.stat.isDirectory() ? await openNamed(parent, part, denials) : undefined;
      at = found?.opened;
      if (found && named.length + parts.length + 1 === asked) named.push(found.name);
      if (!at) judgeNames(judged, denials, [parent.realPath, part, ...parts]);
      else if (at.stat.isSymbolicLink()) {
        await at.handle.close();
        at = undefined;
        if (++links > MAX_LINKS) return undefined;
        const target = withoutSlash(normalize(join(await targetOf(parent, found!.name), ...parts)));
        judgeNames(judged, denials, [target]);
        parts = partsOf(target === base ? '' : target.slice(base === '/' ? 1 : base.length + 1));
        at = await openRoot(judged, denials);
      }
    } finally {
      await parent.handle.close();
    }
  }
  return undefined;
}

const withoutSlash = (path: string): string => (path.length > 1 && path.endsWith('/') ? path.slice(0, -1) : path);

const partsOf = (relative: string): string[] => (relative === '' ? [] : relative.split('/'));

/** The root itself, where it was when the configuration was read: a parent that became a link leads nowhere. */
async function openRoot(judged: JudgedPath, denials: Denials): Promise<Opened | undefined> {
  const { realPath } = judged.root;
  const opened = await openPlace(realPath, realPath, judged, denials);
  if (opened && (opened.realPath !== realPath || opened.stat.isSymbolicLink())) {
    await opened.handle.close();
    throw refused();
  }
  return opened;
}

/** One part below an open folder, by exactly its name, else by the only one that is the same name in another form. */
async function openNamed(
  parent: Opened,
  part: string,
  denials: Denials,
): Promise<{ opened: Opened; name: string } | undefined> {
  const exact = await openChild(parent, part, denials);
  if (exact) return { opened: exact, name: part };
  const name = await otherForm(placeOf(parent), part);
  const opened = name === undefined ? undefined : await openChild(parent, name, denials);
  return opened && { opened, name: name! };
}

/** One part below an open folder; a link is opened itself, not what it leads to. */
export const openChild = (parent: Opened, part: string, denials: Denials): Promise<Opened | undefined> =>
  openPlace(`${placeOf(parent)}/${part}`, join(parent.realPath, part), parent.judged, denials);

/** @param path where to open; @param name where that should be */
async function openPlace(
  path: string,
  name: string,
  judged: JudgedPath,
  denials: Denials,
): Promise<Opened | undefined> {
  let handle: FileHandle;
  try {
    handle = await open(path, PLACE | constants.O_NOFOLLOW);
  } catch (error) {
    return absentOrThrow(error);
  }
  try {
    const stat = await handle.stat({ bigint: true });
    const realPath = await kernelPath(handle, name);
    const isFile = !stat.isDirectory() && !stat.isSymbolicLink();
    const inside = contains(judged.root.realPath, realPath) && !denials.path(realPath, judged, isFile);
    if (!inside || (await denials.identity(stat))) throw refused();
    return { handle, stat, realPath, judged };
  } catch (error) {
    await handle.close();
    throw error;
  }
}

function judgeNames(judged: JudgedPath, denials: Denials, parts: readonly string[]): void {
  const path = join(...parts);
  if (!contains(judged.root.realPath, path) || denials.path(path, judged)) throw refused();
}

/** Where the link leads, absolute. Read by name: what it leads to is walked from the root again, so a swapped one gains nothing. */
async function targetOf(parent: Opened, part: string): Promise<string> {
  try {
    const target = await readlink(`${placeOf(parent)}/${part}`);
    return target.startsWith('/') ? target : join(parent.realPath, target);
  } catch (error) {
    absentOrThrow(error);
    throw new AppError('FILE_NOT_FOUND');
  }
}

/** Where an open descriptor really is: told by the kernel on Linux, else looked up again by name. */
async function kernelPath(handle: FileHandle, name: string): Promise<string> {
  try {
    return LINUX ? await readlink(`/proc/self/fd/${handle.fd}`) : await realpath(name);
  } catch (error) {
    throw new AppError('FILE_CHANGED', {}, { cause: error });
  }
}

/** Opens for reading exactly what was judged. @throws FILE_UNREADABLE */
export async function reopen(opened: Opened, flags: number): Promise<FileHandle> {
  try {
    return await open(placeOf(opened), flags | (LINUX ? 0 : constants.O_NOFOLLOW));
  } catch (error) {
    throw new AppError('FILE_UNREADABLE', {}, { cause: error });
  }
}

/** Undefined when nothing is there; what cannot be told is an error. */
function absentOrThrow(error: unknown): undefined {
  const code = error instanceof Error && 'code' in error ? error.code : undefined;
  if (code === 'ENOENT' || code === 'ENOTDIR' || code === 'ENAMETOOLONG') return undefined;
  // Where there is no O_PATH a link cannot be opened itself.
  if (code === 'ELOOP') throw refused();
  throw new AppError('FILE_UNREADABLE', {}, { cause: error });
}
