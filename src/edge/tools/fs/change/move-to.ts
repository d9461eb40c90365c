// Gives what is open another name. A file gets its new name before it loses the old one, and never in the place of another.
import type { BigIntStats } from 'node:fs';
import { link, rename, unlink } from 'node:fs/promises';
import { AppError } from '../../../../base/errors.ts';
import { systemCode } from '../../../../base/system-code.ts';
import { unsynced } from './change-failure.ts';
import { requireSame } from './new-file.ts';
import type { ChangeTarget } from './target.ts';

/** @returns what has the new name. @throws PLACE_TAKEN, MOVE_ACROSS, FILE_CHANGED before anything changed */
export async function moveTo(from: ChangeTarget, to: ChangeTarget): Promise<BigIntStats> {
  const { before } = from;
  if (!before) throw new AppError('FILE_NOT_FOUND');
  await requireSame(from);
  try {
    if (before.stat.isDirectory()) await rename(from.path, to.path);
    else {
      await link(from.path, to.path);
      await unlink(from.path);
    }
  } catch (error) {
    const code = systemCode(error);
    if (['EEXIST', 'ENOTEMPTY', 'ENOTDIR'].includes(code)) throw new AppError('PLACE_TAKEN');
    throw code === 'EXDEV' ? new AppError('MOVE_ACROSS') : error;
  }
  await to.folder.handle.sync().catch(unsynced);
  await from.folder.handle.sync().catch(unsynced);
  return before.handle.stat({ bigint: true });
}
