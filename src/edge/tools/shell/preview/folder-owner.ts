// As whom a command runs that may change folders: as the one they belong to. An edge that is root gives no command the rights of root.
import { stat } from 'node:fs/promises';
import type { CommandIsolation } from '../isolation.ts';

export interface FolderOwner {
  /** Undefined: as the edge itself, or, of an edge that is root, as a user without rights there. */
  readonly uid: number | undefined;
  readonly gid: number | undefined;
  /** Why nobody can be told; empty when all is well. */
  readonly problem: string;
  /** Why a command can change nothing there; empty where it can. */
  readonly unwritable: string;
}

const NOBODY: FolderOwner = { uid: undefined, gid: undefined, problem: '', unwritable: '' };

export async function folderOwnerOf(
  folders: readonly string[],
  isolation: CommandIsolation | undefined,
): Promise<FolderOwner> {
  if (!isolation?.users || folders.length === 0) return NOBODY;
  const stats = await Promise.all(folders.map((folder) => stat(folder).catch(() => undefined)));
  const first = stats[0];
  if (!first) return { ...NOBODY, problem: 'its folder is not there' };
  const { uid, gid } = first;
  const isOpen = stats.some((one) => one && (one.mode & 0o002) !== 0);
  const nobody = (problem: string) => ({ ...NOBODY, problem, unwritable: isOpen ? '' : problem });
  if (uid === 0) return nobody('its folder belongs to root, and no command runs as root');
  if (stats.some((one) => one?.uid !== uid)) return nobody('its folders belong to different users');
  return { uid, gid, problem: '', unwritable: '' };
}
