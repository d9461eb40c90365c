// Does the changes of a plan to the real folders, one after the other. Each is atomic by itself: a file comes by a rename within its
// folder. All of them together are not, so how far it came is written down, and what cannot go on is taken back.
import { randomBytes } from 'node:crypto';
import { constants } from 'node:fs';
import { chmod, copyFile, lchown, link, lstat, mkdir, open, rename, rmdir, symlink, unlink } from 'node:fs/promises';
import { AppError } from '../../../../base/errors.ts';
import { openPlaceIn, stateAt } from './folder-place.ts';
import { isState, type PlannedChange, type PlannedState } from './planned-change.ts';

/** Where the bytes lie that a change puts into its place. */
export type ContentOf = (sha256: string) => string;

/** @throws APPROVAL_CHANGED when what is there is not what was seen */
export async function mustBeAsBefore(tops: readonly string[], change: PlannedChange): Promise<void> {
  if (!(await isNow(tops, change, change.before))) throw new AppError('APPROVAL_CHANGED');
}

/** Whether what a change is about is in this state now. */
export async function isNow(
  tops: readonly string[],
  { folder, path }: PlannedChange,
  wanted: PlannedState | undefined,
): Promise<boolean> {
  const place = await openPlaceIn(tops[folder]!, path);
  if (!place) return wanted === undefined;
  try {
    return isState(await stateAt(place.path), wanted);
  } finally {
    await place.folder.close();
  }
}

/** @throws FILE_CHANGED when what is there is not what the change begins with; what the system says */
export async function doChange(tops: readonly string[], change: PlannedChange, content: ContentOf): Promise<void> {
  const { before, after } = change;
  const place = await openPlaceIn(tops[change.folder]!, change.path);
  if (!place) throw new AppError('FILE_CHANGED');
  const { folder, path } = place;
  try {
    if (!isState(await stateAt(path), before)) throw new AppError('FILE_CHANGED');
    const own = await (before ? lstat(path) : folder.stat());
    const owner = { uid: after?.uid ?? own.uid, gid: after?.gid ?? own.gid };
    if (!after) await (before?.kind === 'folder' ? rmdir(path) : unlink(path));
    else if (after.kind === 'folder') await putFolder(path, after, before ? undefined : owner);
    else await putNew(`/proc/self/fd/${folder.fd}`, path, after, { replaces: before !== undefined, owner, content });
    await folder.sync();
  } finally {
    await folder.close();
  }
}

/** @param made whose it shall be, when it is to be made */
async function putFolder(path: string, { mode }: PlannedState, made: PutParts['owner'] | undefined): Promise<void> {
  if (made) await mkdir(path);
  const folder = await open(path, constants.O_RDONLY | constants.O_DIRECTORY | constants.O_NOFOLLOW);
  try {
    if (made) await folder.chown(made.uid, made.gid);
    await folder.chmod(mode);
  } finally {
    await folder.close();
  }
}

interface PutParts {
  readonly replaces: boolean;
  readonly owner: { readonly uid: number; readonly gid: number };
  readonly content: ContentOf;
}

/** A file or a link: made beside its place, then moved there. Nothing is replaced that was not seen. */
async function putNew(folder: string, path: string, state: PlannedState, { replaces, owner, content }: PutParts) {
  const temporary = `${folder}/.bowline-${randomBytes(8).toString('hex')}.tmp`;
  try {
    if (state.kind === 'link') await symlink(state.target ?? '', temporary);
    else {
      await copyFile(content(state.sha256), temporary, constants.COPYFILE_EXCL);
      const file = await open(temporary, constants.O_RDWR | constants.O_NOFOLLOW);
      await file.sync().finally(() => file.close());
    }
    await lchown(temporary, owner.uid, owner.gid);
    if (state.kind === 'file') await chmod(temporary, state.mode);
    if (replaces) await rename(temporary, path);
    else await link(temporary, path);
  } finally {
    await unlink(temporary).catch(() => {});
  }
}
