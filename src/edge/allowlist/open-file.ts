// Opens what a judged path leads to and judges it again on the descriptor, so that a link swapped in between gains nothing.
import { type BigIntStats, constants } from 'node:fs';
import { type FileHandle, open, readlink, realpath } from 'node:fs/promises';
import { AppError } from '../../base/errors.ts';
import { contains } from '../config.ts';
import { type JudgedPath, refused } from './judge-path.ts';
import { absentOrThrow, resolvePath } from './resolve.ts';

/** An open file or folder. The one who opened it closes it. */
export interface OpenFile {
  readonly handle: FileHandle;
  readonly stat: BigIntStats;
  readonly realPath: string;
  readonly judged: JudgedPath;
}

/**
 * Opens a regular file for reading.
 * @throws PATH_NOT_ALLOWED, FILE_NOT_FOUND, FILE_UNREADABLE, NOT_A_FILE
 */
export async function openFile(judged: JudgedPath, denied: (path: string) => boolean): Promise<OpenFile> {
  return openKind(judged, denied, 'file');
}

/** Opens a folder. @throws PATH_NOT_ALLOWED, FILE_NOT_FOUND, FILE_UNREADABLE, NOT_A_FOLDER */
export async function openFolder(judged: JudgedPath, denied: (path: string) => boolean): Promise<OpenFile> {
  return openKind(judged, denied, 'folder');
}

async function openKind(
  judged: JudgedPath,
  denied: (path: string) => boolean,
  kind: 'file' | 'folder',
): Promise<OpenFile> {
  const { realPath, stat } = await resolvePath(judged, denied);
  if (!stat) throw new AppError('FILE_NOT_FOUND');
  // Looked at before it is opened: opening a device or a pipe can have an effect.
  assertKind(stat, kind);
  const only = kind === 'folder' ? constants.O_DIRECTORY : constants.O_NONBLOCK;
  const handle = await openAt(realPath, constants.O_RDONLY | constants.O_NOFOLLOW | only);
  try {
    const own = await handle.stat({ bigint: true });
    assertKind(own, kind);
    const real = await pathOf(handle, realPath);
    if (!contains(judged.root.realPath, real) || denied(real)) throw refused();
    return { handle, stat: own, realPath: real, judged };
  } catch (error) {
    await handle.close();
    throw error;
  }
}

function assertKind(stat: BigIntStats, kind: 'file' | 'folder'): void {
  if (kind === 'file' && !stat.isFile()) throw new AppError('NOT_A_FILE');
  if (kind === 'folder' && !stat.isDirectory()) throw new AppError('NOT_A_FOLDER');
}

async function openAt(path: string, flags: number): Promise<FileHandle> {
  try {
    return await open(path, flags);
  } catch (error) {
    // A link where there was none a moment ago.
    if (error instanceof Error && 'code' in error && error.code === 'ELOOP') throw refused();
    absentOrThrow(error);
    throw new AppError('FILE_NOT_FOUND', {}, { cause: error });
  }
}

/** Where an open descriptor really is: told by the kernel on Linux, else looked up again by name. */
export async function pathOf(handle: FileHandle, path: string): Promise<string> {
  try {
    return process.platform === 'linux' ? await readlink(`/proc/self/fd/${handle.fd}`) : await realpath(path);
  } catch (error) {
    throw new AppError('FILE_CHANGED', {}, { cause: error });
  }
}
