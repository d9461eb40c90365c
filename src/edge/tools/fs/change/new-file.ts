// Puts a file into its place at once: a temporary one beside it, synced, then renamed, then its folder synced. What is there is looked at
// once more before it goes.
import { createHash } from 'node:crypto';
import { type BigIntStats, constants } from 'node:fs';
import { type FileHandle, link, lstat, open, rename, unlink } from 'node:fs/promises';
import { AppError } from '../../../../base/errors.ts';
import { systemCode } from '../../../../base/system-code.ts';
import { placeOf } from '../../../allowlist/open-beneath.ts';
import type { KeptContent } from '../../kept-content.ts';
import type { ChangeKeeper } from '../../tool.ts';
import { changeFailure, unsynced } from './change-failure.ts';
import { permissionsOf } from './file-effect.ts';
import type { ChangeTarget } from './target.ts';

const NEW_MODE = 0o644;

/** Permissions of what takes the place of a file: its own, without those that lend an identity. */
export const modeAfter = (before: BigIntStats | undefined): number =>
  before ? permissionsOf(before) & 0o777 : NEW_MODE;

export interface NewFile {
  /** Writes its content. */
  readonly fill: (file: FileHandle) => Promise<void>;
  /** What has to come of it. */
  readonly sha256: Uint8Array;
  readonly mode: number;
  /** Whose it becomes where nothing is there, of an edge that is root; default: its own. */
  readonly owner?: { readonly uid: number; readonly gid: number };
  readonly signal: AbortSignal;
  /** Notes the temporary one, so that it is removed also after a kill. */
  readonly temporaries: ChangeKeeper['temporaries'];
  /** Before it takes its place: the last moment at which nothing has changed. @param stat of the file that will be there */
  readonly ready?: (stat: BigIntStats) => Promise<void>;
}

/** @returns what is there afterwards. @throws FILE_CHANGED, FILE_EXISTS, DISK_FULL before anything changed */
export async function putFile(
  target: ChangeTarget,
  { fill, sha256, mode, owner, signal, temporaries, ready }: NewFile,
): Promise<BigIntStats> {
  const { folder, before } = target;
  const noted = await temporaries.noted(folder.realPath).catch((error: unknown) => {
    throw changeFailure(error);
  });
  const temporary = `${placeOf(folder)}/${noted.name}`;
  let file: FileHandle | undefined;
  try {
    file = await make(temporary, mode);
    await fill(file);
    const whose = before?.stat ?? owner;
    if (whose) await file.chown(Number(whose.uid), Number(whose.gid)).catch(() => {});
    await file.chmod(mode);
    await file.sync();
    if (Buffer.compare(await digestOf(file, signal), sha256) !== 0) throw new AppError('FILE_CHANGED');
    if (signal.aborted) throw new AppError('CANCELED');
    await ready?.(await file.stat({ bigint: true }));
    await requireSame(target);
    if (before) await rename(temporary, target.path);
    else await linkNew(temporary, target.path);
    await folder.handle.sync().catch(unsynced);
    return await file.stat({ bigint: true });
  } catch (error) {
    throw changeFailure(error);
  } finally {
    const isGone = await unlink(temporary).then(
      () => true,
      (error: unknown) => systemCode(error) === 'ENOENT',
    );
    if (isGone) await noted.over();
    await file?.close();
  }
}

/** @throws FILE_CHANGED where what has the name is not what was looked at, or no longer as it was */
export async function requireSame({ path, before }: Pick<ChangeTarget, 'path' | 'before'>): Promise<void> {
  if (!before) return;
  const { stat } = before;
  const now = await lstat(path, { bigint: true }).catch(() => undefined);
  // What is in a folder is none of it.
  if (stat.isDirectory() && now?.dev === stat.dev && now.ino === stat.ino && now.mode === stat.mode) return;
  const same =
    now?.dev === stat.dev &&
    now.ino === stat.ino &&
    now.size === stat.size &&
    now.mtimeNs === stat.mtimeNs &&
    now.mode === stat.mode;
  if (!same) throw new AppError('FILE_CHANGED');
}

async function make(path: string, mode: number): Promise<FileHandle> {
  try {
    return await open(
      path,
      constants.O_RDWR | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW,
      mode & 0o700,
    );
  } catch (error) {
    throw changeFailure(error);
  }
}

const PIECE_BYTES = 64 << 10;

/** What is open goes to the end of another, in pieces. */
export async function copyAll(from: FileHandle, to: FileHandle, signal: AbortSignal): Promise<void> {
  for await (const piece of piecesOf(from, signal)) await to.writeFile(piece);
}

async function digestOf(file: FileHandle, signal: AbortSignal): Promise<Uint8Array> {
  const hash = createHash('sha256');
  for await (const piece of piecesOf(file, signal)) hash.update(piece);
  return hash.digest();
}

/** What is open, to be kept. */
export const contentOf = ({ handle, stat }: NonNullable<ChangeTarget['before']>, signal: AbortSignal): KeptContent => ({
  bytes: Number(stat.size),
  pieces: () => piecesOf(handle, signal, stat.size),
});

/** @throws FILE_CHANGED when it has grown: one that writes to it without end would be followed without end */
async function* piecesOf(file: FileHandle, signal: AbortSignal, seen?: bigint): AsyncGenerator<Buffer> {
  const { size } = seen === undefined ? await file.stat({ bigint: true }) : { size: seen };
  const buffer = Buffer.allocUnsafe(PIECE_BYTES);
  for (let at = 0; ; ) {
    if (signal.aborted) throw new AppError('CANCELED');
    const { bytesRead } = await file.read(buffer, 0, buffer.length, at);
    if (bytesRead === 0) return;
    at += bytesRead;
    if (at > size) throw new AppError('FILE_CHANGED');
    yield buffer.subarray(0, bytesRead);
  }
}

/** `link` never replaces what came into being meanwhile. */
async function linkNew(from: string, to: string): Promise<void> {
  try {
    await link(from, to);
  } catch (error) {
    if (systemCode(error) === 'EEXIST') throw new AppError('FILE_EXISTS');
    throw error;
  }
}
