// Looks at names below a folder part by part, by descriptors: no link is followed and no other file system is entered.
import { createHash } from 'node:crypto';
import { type BigIntStats, constants } from 'node:fs';
import { type FileHandle, lstat, open, readlink } from 'node:fs/promises';
import { AppError } from '../../../../base/errors.ts';
import { systemCode } from '../../../../base/system-code.ts';
import { otherNamesOf } from '../../fs/change/file-effect.ts';
import type { PlannedState } from './planned-change.ts';

const FOLDER = constants.O_RDONLY | constants.O_DIRECTORY | constants.O_NOFOLLOW;

/** The folder that a name lies in, open, and the name there. Closed by the one who opened it. */
export interface FolderPlace {
  readonly folder: FileHandle;
  /** Reaches the name through the open folder. */
  readonly path: string;
}

/** @param top an open folder or the path of one. Undefined when a folder on the way is not there. @throws FILE_CHANGED */
export async function openPlaceIn(top: string, path: string): Promise<FolderPlace | undefined> {
  const parts = path.split('/');
  const name = parts.pop()!;
  let folder = await open(top, constants.O_RDONLY | constants.O_DIRECTORY);
  try {
    const { dev } = await folder.stat({ bigint: true });
    for (const part of parts) {
      const next = await open(`/proc/self/fd/${folder.fd}/${part}`, FOLDER).catch(absent);
      if (!next) {
        await folder.close();
        return undefined;
      }
      await folder.close();
      folder = next;
      if ((await folder.stat({ bigint: true })).dev !== dev) throw new AppError('FILE_CHANGED');
    }
    return { folder, path: `/proc/self/fd/${folder.fd}/${name}` };
  } catch (error) {
    await folder.close();
    throw error;
  }
}

function absent(error: unknown): undefined {
  const code = systemCode(error);
  if (code !== 'ENOENT' && code !== 'ENOTDIR' && code !== 'ELOOP') throw error;
}

/** What has a name there; undefined when nothing has. @param receive gets what a file holds. @throws PREVIEW_REFUSED for what is no file, folder or link */
export async function stateAt(
  path: string,
  receive: (piece: Uint8Array) => void = () => {},
): Promise<PlannedState | undefined> {
  const stat = await lstat(path, { bigint: true }).catch(absent);
  if (!stat) return undefined;
  const which = { device: `${stat.dev}`, inode: `${stat.ino}`, uid: Number(stat.uid), gid: Number(stat.gid) };
  if (stat.isDirectory()) return { kind: 'folder', mode: modeOf(stat), sha256: '', bytes: 0, ...which };
  if (stat.isSymbolicLink()) {
    const target = await readlink(path);
    const sha256 = createHash('sha256').update(target).digest('hex');
    return { kind: 'link', mode: 0, sha256, bytes: target.length, target, ...which };
  }
  if (!stat.isFile()) throw new AppError('PREVIEW_REFUSED', { what: 'a device, a pipe or a socket' });
  return {
    kind: 'file',
    mode: modeOf(stat),
    ...(await contentOf(path, stat, receive)),
    ...which,
    otherNames: otherNamesOf(stat),
  };
}

const modeOf = ({ mode }: BigIntStats): number => Number(mode & 0o7777n);

const PIECE_BYTES = 64 << 10;

async function contentOf(path: string, seen: BigIntStats, receive: (piece: Uint8Array) => void) {
  const handle = await open(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  try {
    const { ino, dev } = await handle.stat({ bigint: true });
    if (ino !== seen.ino || dev !== seen.dev) throw new AppError('FILE_CHANGED');
    const hash = createHash('sha256');
    const buffer = Buffer.allocUnsafe(PIECE_BYTES);
    let bytes = 0;
    for (;;) {
      const { bytesRead } = await handle.read(buffer, 0, buffer.length, bytes);
      if (bytesRead === 0) return { sha256: hash.digest('hex'), bytes };
      bytes += bytesRead;
      hash.update(buffer.subarray(0, bytesRead));
      receive(buffer.subarray(0, bytesRead));
    }
  } finally {
    await handle.close();
  }
}
