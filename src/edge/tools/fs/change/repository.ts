// Repositories of git that are not named `.git`: git finds them by what is in them, and runs what their hooks and settings say. So nothing in
// one is changed, and nothing is added that would make one.
import { lstat } from 'node:fs/promises';
import { dirname } from 'node:path';
import { placeOf } from '../../../allowlist/open-beneath.ts';
import type { OpenFile } from '../../../allowlist/open-file.ts';

/** Whether a folder that is open, or one that it is in, is a repository, or would be one with `name` in it. */
export async function isOfRepository(folder: Pick<OpenFile, 'handle' | 'realPath'>, name: string): Promise<boolean> {
  if (await isRepository(placeOf(folder), name.toLowerCase())) return true;
  let place = placeOf(folder);
  for (const _ of folder.realPath.split('/').slice(2)) {
    place += '/..';
    if (await isRepository(place)) return true;
  }
  return false;
}

/** The same of a folder by its real path, with the folders that it is in. */
export async function isInRepository(realPath: string): Promise<boolean> {
  for (let place = realPath; place !== '/'; place = dirname(place)) if (await isRepository(place)) return true;
  return false;
}

/** @param added what it will have */
export async function isRepository(place: string, added = ''): Promise<boolean> {
  const has = async (mark: string) => mark.toLowerCase() === added || (await isThere(`${place}/${mark}`));
  if (!(await has('HEAD'))) return false;
  return (await has('commondir')) || ((await has('objects')) && (await has('refs')));
}

const isThere = (path: string): Promise<boolean> =>
  lstat(path).then(
    () => true,
    () => false,
  );
