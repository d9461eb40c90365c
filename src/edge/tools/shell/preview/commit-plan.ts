// Does the changes of a plan to the real folders, one after the other. Each is atomic by itself: a file comes by a rename within its
// folder. All of them together are not, so how far it came is written down, and what cannot go on is taken back.
import { constants } from 'node:fs';
import { chmod, copyFile, lchown, link, lstat, mkdir, open, rename, rmdir, symlink, unlink } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { AppError } from '../../../../base/errors.ts';
import { isOfRepository } from '../../fs/change/repository.ts';
import { openPlaceIn, type PlanTop, stateAt } from './folder-place.ts';
import { isState, type PlannedChange, type PlannedState } from './planned-change.ts';

/** Hears of each step. What it throws is what went wrong there. */
export type StepAt = (name: string) => void;

/** Ends a commit as a kill would, in tests. */
export class StepEnded extends Error {}

export interface ChangeParts {
  /** Where the bytes lie that a change puts into its place. */
  readonly content: (sha256: string) => string;
  /** What is made gets this name first, in the folder of its place. */
  readonly temporary: string;
  readonly step: StepAt;
}

/** @throws FILE_CHANGED when what is there is not what was seen, or not where it was seen */
export async function mustBeAsBefore(tops: readonly PlanTop[], change: PlannedChange): Promise<void> {
  const { before } = change;
  if (!isState(await stateNow(tops, change, mostBytesOf([change])), before)) throw new AppError('FILE_CHANGED');
}

/** What is at the place of a change now. @throws FILE_CHANGED */
export async function stateNow(
  tops: readonly PlanTop[],
  { folder, path }: PlannedChange,
  most: number,
): Promise<PlannedState | undefined> {
  const place = await openPlaceIn(tops[folder]!, path);
  if (!place) return undefined;
  try {
    return await stateAt(place.path, most);
  } finally {
    await place.folder.close();
  }
}

/** A file with more bytes is in no state of these changes. */
export const mostBytesOf = (changes: readonly PlannedChange[]): number =>
  Math.max(0, ...changes.flatMap(({ before, after }) => [before?.bytes ?? 0, after?.bytes ?? 0]));

/**
 * What is on the disk may have become a repository of git since, or would be one with what the plan adds: git finds one by what is in a
 * folder. @throws FILE_CHANGED
 */
export async function mustBeOfNoRepository(
  tops: readonly PlanTop[],
  { folder, path }: PlannedChange,
  added = '',
): Promise<void> {
  const top = tops[folder]!;
  const place = await openPlaceIn(top, path);
  if (!place) return;
  try {
    const opened = { handle: place.folder, realPath: join(top.realPath, dirname(path)) };
    if (await isOfRepository(opened, added)) throw new AppError('FILE_CHANGED');
  } finally {
    await place.folder.close();
  }
}

/** @throws FILE_CHANGED when what is there is not what the change begins with; what the system says */
export async function doChange(tops: readonly PlanTop[], change: PlannedChange, parts: ChangeParts): Promise<void> {
  const { before, after } = change;
  const place = await openPlaceIn(tops[change.folder]!, change.path);
  if (!place) throw new AppError('FILE_CHANGED');
  const { folder, path } = place;
  try {
    if (!isState(await stateAt(path, mostBytesOf([change])), before)) throw new AppError('FILE_CHANGED');
    const own = await (before ? lstat(path) : folder.stat());
    const owner = { uid: after?.uid ?? own.uid, gid: after?.gid ?? own.gid };
    if (!after) await (before?.kind === 'folder' ? rmdir(path) : unlink(path));
    else if (after.kind === 'folder' && before) await setMode(path, after.mode);
    else await putNew(`/proc/self/fd/${folder.fd}`, path, after, { ...parts, replaces: before !== undefined, owner });
    await folder.sync();
  } finally {
    await folder.close();
  }
}

/** Removes what an end has left of a change. */
export async function removeTemporary(
  tops: readonly PlanTop[],
  { folder, path }: PlannedChange,
  { temporary }: ChangeParts,
): Promise<void> {
  const place = await openPlaceIn(tops[folder]!, path).catch(() => undefined);
  if (!place) return;
  try {
    await removed(`/proc/self/fd/${place.folder.fd}/${temporary}`);
  } finally {
    await place.folder.close();
  }
}

async function removed(path: string): Promise<void> {
  const found = await lstat(path).catch(() => undefined);
  if (found) await (found.isDirectory() ? rmdir(path) : unlink(path));
}

async function setMode(path: string, mode: number): Promise<void> {
  const folder = await open(path, constants.O_RDONLY | constants.O_DIRECTORY | constants.O_NOFOLLOW);
  await folder.chmod(mode).finally(() => folder.close());
}

interface PutParts extends ChangeParts {
  readonly replaces: boolean;
  readonly owner: { readonly uid: number; readonly gid: number };
}

/** Made beside its place, then moved there. Nothing is replaced that was not seen. */
async function putNew(folder: string, path: string, state: PlannedState, parts: PutParts): Promise<void> {
  const { replaces, owner, content, step } = parts;
  const temporary = `${folder}/${parts.temporary}`;
  try {
    if (state.kind === 'link') await symlink(state.target ?? '', temporary);
    else if (state.kind === 'folder') await mkdir(temporary);
    else {
      await copyFile(content(state.sha256), temporary, constants.COPYFILE_EXCL);
      const file = await open(temporary, constants.O_RDWR | constants.O_NOFOLLOW);
      await file.sync().finally(() => file.close());
    }
    await lchown(temporary, owner.uid, owner.gid);
    if (state.kind !== 'link') await chmod(temporary, state.mode);
    step('made');
    // A folder that is not empty is never replaced.
    if (replaces || state.kind === 'folder') await rename(temporary, path);
    else await link(temporary, path);
    step('moved');
    await removed(temporary);
  } catch (error) {
    if (!(error instanceof StepEnded)) await removed(temporary).catch(() => {});
    throw error;
  }
}
