// Looks at names below a folder part by part, by descriptors: no link is followed and no other file system is entered.
import { isUtf8 } from 'node:buffer';
import { createHash } from 'node:crypto';
import { type BigIntStats, constants } from 'node:fs';
import { type FileHandle, lstat, open, readlink } from 'node:fs/promises';
import { AppError } from '../../../../base/errors.ts';
import { systemCode } from '../../../../base/system-code.ts';
import { otherNamesOf } from '../../fs/change/file-effect.ts';
import type { PlannedState } from './planned-change.ts';

const FOLDER = constants.O_RDONLY | constants.O_DIRECTORY | constants.O_NOFOLLOW;

/** An open folder of a plan. */
export interface PlanTop {
  /** Reaches it through its descriptor. */
  readonly place: string;
  readonly realPath: string;
  /** Which one each folder below it is that a change lies in: `device:inode` by path. */
  readonly inside: Readonly<Record<string, string>>;
}

/** Which one a file or folder is. */
export const deviceAndInode = ({ dev, ino }: Pick<BigIntStats, 'dev' | 'ino'>): string => `${dev}:${ino}`;

/** The folder that a name lies in, open, and the name there. Closed by the one who opened it. */
export interface FolderPlace {
  readonly folder: FileHandle;
  /** Reaches the name through the open folder. */
  readonly path: string;
}

/** Undefined when a folder on the way is not there. @throws FILE_CHANGED when one is another than it was, or another file system */
export async function openPlaceIn({ place, inside }: PlanTop, path: string): Promise<FolderPlace | undefined> {
  const parts = path.split('/');
  const name = parts.pop()!;
  let folder = await open(place, constants.O_RDONLY | constants.O_DIRECTORY);
  try {
    const { dev } = await folder.stat({ bigint: true });
    for (const [n, part] of parts.entries()) {
      const next = await open(`/proc/self/fd/${folder.fd}/${part}`, FOLDER).catch(absent);
      if (!next) {
        await folder.close();
        return undefined;
      }
      await folder.close();
      folder = next;
      const stat = await folder.stat({ bigint: true });
      const was = inside[parts.slice(0, n + 1).join('/')] ?? deviceAndInode(stat);
      if (stat.dev !== dev || deviceAndInode(stat) !== was) throw new AppError('FILE_CHANGED');
    }
    return { folder, path: `/proc/self/fd/${folder.fd}/${name}` };
  } catch (error) {
    await folder.close();
    throw error;
  }
}

/** What the system says of a name that is not there, or that no folder leads to. Any other error is thrown. */
export function absent(error: unknown): undefined {
  const code = systemCode(error);
  if (code !== 'ENOENT' && code !== 'ENOTDIR' && code !== 'ELOOP') throw error;
}

/**
 * What has a name there; undefined when nothing has. A file with more than `most` bytes is not read: its SHA-256 is empty, as that of no
 * file. @throws PREVIEW_REFUSED for what is no file, folder or link; FILE_CHANGED when it grows meanwhile; why `signal` aborted
 */
export async function stateAt(path: string, most: number, signal?: AbortSignal): Promise<PlannedState | undefined> {
  const stat = await lstat(path, { bigint: true }).catch(absent);
  if (!stat) return undefined;
  const which = { device: `${stat.dev}`, inode: `${stat.ino}`, uid: Number(stat.uid), gid: Number(stat.gid) };
  if (stat.isDirectory()) return { kind: 'folder', mode: modeOf(stat), sha256: '', bytes: 0, ...which };
  if (stat.isSymbolicLink()) {
    const leads = await readlink(path, 'buffer');
    const sha256 = createHash('sha256').update(leads).digest('hex');
    return { kind: 'link', mode: 0, sha256, bytes: leads.length, ...targetOf(leads), ...which };
  }
  if (!stat.isFile()) throw new AppError('PREVIEW_REFUSED', { what: 'a device, a pipe or a socket' });
  return {
    kind: 'file',
    mode: modeOf(stat),
    ...(await contentOf(path, stat, most, signal)),
    ...which,
    otherNames: otherNamesOf(stat),
  };
}

const targetOf = (leads: Buffer) => (isUtf8(leads) ? { target: leads.toString() } : {});

const modeOf = ({ mode }: BigIntStats): number => Number(mode & 0o7777n);

const PIECE_BYTES = 64 << 10;

async function contentOf(path: string, seen: BigIntStats, most: number, signal: AbortSignal | undefined) {
  if (seen.size > most) return { sha256: '', bytes: Number(seen.size) };
  const handle = await open(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  try {
    if (deviceAndInode(await handle.stat({ bigint: true })) !== deviceAndInode(seen))
      throw new AppError('FILE_CHANGED');
    const hash = createHash('sha256');
    let bytes = 0;
    for await (const piece of piecesUpTo(handle, Number(seen.size), signal)) {
      bytes += piece.length;
      hash.update(piece);
    }
    return { sha256: hash.digest('hex'), bytes };
  } finally {
    await handle.close();
  }
}

/** A piece is the caller's until the next. @throws FILE_CHANGED when there are more bytes, why `signal` aborted */
export async function* piecesUpTo(file: FileHandle, most: number, signal?: AbortSignal): AsyncGenerator<Uint8Array> {
  const buffer = Buffer.allocUnsafe(PIECE_BYTES);
  for (let at = 0; ; ) {
    signal?.throwIfAborted();
    const { bytesRead } = await file.read(buffer, 0, buffer.length, at);
    if (bytesRead === 0) return;
    at += bytesRead;
    if (at > most) throw new AppError('FILE_CHANGED');
    yield buffer.subarray(0, bytesRead);
  }
}
