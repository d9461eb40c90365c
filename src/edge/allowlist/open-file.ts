// Opens a judged file or folder for reading: the place first, then exactly that place.
import { type BigIntStats, constants } from 'node:fs';
import type { FileHandle } from 'node:fs/promises';
import { AppError } from '../../base/errors.ts';
import type { JudgedPath } from './judge-path.ts';
import { type Denials, type Opened, openBeneath, reopen } from './open-beneath.ts';

/** An open file or folder that can be read. Whoever opened it closes it. */
export interface OpenFile {
  readonly handle: FileHandle;
  readonly stat: BigIntStats;
  readonly realPath: string;
  readonly judged: JudgedPath;
}

/** Opens a regular file for reading. @throws PATH_NOT_ALLOWED, FILE_NOT_FOUND, FILE_UNREADABLE, NOT_A_FILE */
export const openFile = (judged: JudgedPath, denials: Denials): Promise<OpenFile> => openKind(judged, denials, 'file');

/** Opens a folder. @throws PATH_NOT_ALLOWED, FILE_NOT_FOUND, FILE_UNREADABLE, NOT_A_FOLDER */
export const openFolder = (judged: JudgedPath, denials: Denials): Promise<OpenFile> =>
  openKind(judged, denials, 'folder');

async function openKind(judged: JudgedPath, denials: Denials, kind: 'file' | 'folder'): Promise<OpenFile> {
  const place = await openBeneath(judged, denials);
  if (!place) throw new AppError('FILE_NOT_FOUND');
  return readable(place, kind);
}

/** Opens for reading what is open as a place, and closes the place. */
export async function readable(place: Opened, kind: 'file' | 'folder'): Promise<OpenFile> {
  try {
    if (kind === 'file' && !place.stat.isFile()) throw new AppError('NOT_A_FILE');
    if (kind === 'folder' && !place.stat.isDirectory()) throw new AppError('NOT_A_FOLDER');
    const only = kind === 'folder' ? constants.O_DIRECTORY : constants.O_NONBLOCK;
    const handle = await reopen(place, constants.O_RDONLY | only);
    try {
      return { ...place, handle, stat: await handle.stat({ bigint: true }) };
    } catch (error) {
      await handle.close();
      throw new AppError('FILE_UNREADABLE', {}, { cause: error });
    }
  } finally {
    await place.handle.close();
  }
}
