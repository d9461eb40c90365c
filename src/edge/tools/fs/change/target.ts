// The place that a change is about: its folder, open by descriptor, and what has its name there. A link at the last name is never followed.
import { type BigIntStats, constants } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { AppError } from '../../../../base/errors.ts';
import { otherForm } from '../../../../base/same-name.ts';
import { systemCode } from '../../../../base/system-code.ts';
import type { AllowedWrite, Allowlist } from '../../../allowlist/allowlist.ts';
import { inRoot, type JudgedPath, refused } from '../../../allowlist/judge-path.ts';
import { lookByName } from '../../../allowlist/look-by-name.ts';
import { placeOf } from '../../../allowlist/open-beneath.ts';
import type { OpenFile } from '../../../allowlist/open-file.ts';
import { changeFailure } from './change-failure.ts';
import { isOfRepository } from './repository.ts';

/** Open until `close`. */
export interface ChangeTarget {
  readonly folder: OpenFile;
  /** Reaches it through its open folder. */
  readonly path: string;
  readonly realPath: string;
  /** As it may be told, in the form that the disk has. */
  readonly named: JudgedPath;
  /** What is there, open for reading, a link only to be looked at; undefined when nothing is. */
  readonly before: { readonly handle: FileHandle; readonly stat: BigIntStats } | undefined;
  close(): Promise<void>;
}

/** What may be there: files only, folders too, or links as well, which are never followed. */
export type TargetKinds = 'files' | 'folders' | 'links';

/**
 * Opens a place that may be written.
 * @throws PATH_NOT_ALLOWED, NOT_A_FILE, REPLACED_UNREADABLE, FILE_NOT_FOUND for its folder; see openFolder
 */
export async function openTarget(
  allow: Allowlist,
  judged: AllowedWrite,
  kinds: TargetKinds = 'files',
): Promise<ChangeTarget> {
  const folder = await allow.openWriteFolder(judged);
  let handle: FileHandle | undefined;
  const close = async () => {
    await handle?.close();
    await folder.handle.close();
  };
  try {
    const { name, stat } = await named(allow, placeOf(folder), basename(judged.path));
    const path = `${placeOf(folder)}/${name}`;
    const realPath = join(folder.realPath, name);
    if (allow.isWriteDenied(realPath, judged) || (await isOfRepository(folder, name))) throw refused();
    const isMeant = (seen: BigIntStats) =>
      seen.isDirectory() ? kinds !== 'files' : seen.isFile() || (kinds === 'links' && seen.isSymbolicLink());
    const fits = !stat || isMeant(stat);
    if (!fits) throw stat.isSymbolicLink() ? refused() : new AppError('NOT_A_FILE');
    handle = stat && (await openSame(path, stat));
    const { root, relative } = judged;
    return {
      folder,
      path,
      realPath,
      named: relative === '' ? judged : inRoot(root, join(dirname(relative), name)),
      before: handle && { handle, stat: await handle.stat({ bigint: true }) },
      close,
    };
  } catch (error) {
    await close();
    throw changeFailure(error);
  }
}

/** The folder that a change happens in, as its effect says it: the owner allows a change there, and in no other of the same name. */
export const folderOf = ({ folder: { stat } }: Pick<ChangeTarget, 'folder'>) => ({
  folderDevice: stat.dev,
  folderInode: stat.ino,
});

/** What has this name in a folder, in whatever form: then that is meant, and no second one is made beside it. */
async function named(
  { denials }: Allowlist,
  folder: string,
  asked: string,
): Promise<{ name: string; stat: BigIntStats | undefined }> {
  const look = (name: string) => lookByName(`${folder}/${name}`, denials);
  const exact = await look(asked);
  const other = exact ? undefined : await otherForm(folder, asked);
  if (other === undefined) return { name: asked, stat: exact };
  return { name: other, stat: await look(other) };
}

/** The link itself, which Node has no name for. */
const O_PATH = 0o10000000;

async function openSame(path: string, seen: BigIntStats): Promise<FileHandle> {
  const how = seen.isSymbolicLink() ? O_PATH : constants.O_RDONLY | constants.O_NONBLOCK;
  const handle = await open(path, how | constants.O_NOFOLLOW).catch((error: unknown) => {
    throw ['EACCES', 'EPERM'].includes(systemCode(error))
      ? new AppError('REPLACED_UNREADABLE', {}, { cause: error })
      : error;
  });
  const { dev, ino } = await handle.stat({ bigint: true });
  if (dev === seen.dev && ino === seen.ino) return handle;
  await handle.close();
  throw new AppError('FILE_CHANGED');
}
