// The folders of a plan, open: each is the one that was shown, and still stands where it stood.
import { constants } from 'node:fs';
import { type FileHandle, open, readlink } from 'node:fs/promises';
import { AppError } from '../../../../base/errors.ts';
import { deviceAndInode, type PlanTop } from './folder-place.ts';

/** A folder of a plan, and which one it was. */
export interface PlannedFolder {
  readonly path: string;
  readonly device: string;
  readonly inode: string;
  /** Which one each folder below it was that a change lies in: `device:inode` by path. */
  readonly inside: Readonly<Record<string, string>>;
}

/** @throws APPROVAL_CHANGED when one is another folder by now */
export async function openTops(folders: readonly PlannedFolder[]): Promise<FileHandle[]> {
  const tops: FileHandle[] = [];
  for (const { path, device, inode } of folders) {
    const top = await open(path, constants.O_RDONLY | constants.O_DIRECTORY | constants.O_NOFOLLOW).catch(
      () => undefined,
    );
    const found = await top?.stat({ bigint: true });
    if (top) tops.push(top);
    // A link on the way could lead to where nothing is ever written.
    const is = top && (await readlink(`/proc/self/fd/${top.fd}`));
    if (!found || deviceAndInode(found) !== `${device}:${inode}` || is !== path) {
      await closeAll(tops);
      throw new AppError('APPROVAL_CHANGED');
    }
  }
  return tops;
}

export const planTops = (folders: readonly PlannedFolder[], tops: readonly FileHandle[]): PlanTop[] =>
  folders.map(({ path, inside }, n) => ({ place: `/proc/self/fd/${tops[n]!.fd}`, realPath: path, inside }));

export async function closeAll(tops: readonly FileHandle[]): Promise<void> {
  await Promise.all(tops.map((top) => top.close()));
}
