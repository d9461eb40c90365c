// Takes one change back: the same careful steps as a change, in the other direction. What it replaces is kept as well.

import { createHash } from 'node:crypto';
import { lchown, rmdir, symlink, unlink } from 'node:fs/promises';
import { create } from '@bufbuild/protobuf';
import { FileAction, type FileEffect, FileEffectSchema } from '../../../gen/bowline/approval/v1/approval_pb.ts';
import { AppError } from '../../base/errors.ts';
import { systemCode } from '../../base/system-code.ts';
import type { Allowlist } from '../allowlist/allowlist.ts';
import type { Blobs } from '../journal/blobs.ts';
import type { KeptChange } from '../journal/change-book.ts';
import { changeFailure, unsynced } from '../tools/fs/change/change-failure.ts';
import { otherNamesOf } from '../tools/fs/change/file-effect.ts';
import { moveTo } from '../tools/fs/change/move-to.ts';
import { contentOf, putFile, requireSame } from '../tools/fs/change/new-file.ts';
import type { ChangeTarget } from '../tools/fs/change/target.ts';
import { newFolder } from '../tools/fs/make-folder.ts';
import type { KeptContent } from '../tools/kept-content.ts';
import type { ChangeKeeper } from '../tools/tool.ts';
import { openPlaceOf, stateToBe } from './undo-places.ts';

export interface TakeBackParts {
  readonly allow: Allowlist;
  readonly blobs: Pick<Blobs, 'pieces'>;
  readonly signal: AbortSignal;
  readonly temporaries: ChangeKeeper['temporaries'];
  /** Resolves when it is on the disk what will be done. */
  readonly keep: (effect: FileEffect, content: KeptContent | undefined) => Promise<void>;
}

/** What taking a change back does, without its diff. */
export function inverseOf(effect: FileEffect): FileEffect {
  const { action, path, realPath, toPath, toRealPath, before, after } = effect;
  const states = {
    ...(after && { before: after }),
    ...(before && { after: action === FileAction.MOVE ? before : stateToBe(before) }),
  };
  if (action === FileAction.MOVE) {
    const places = { path: toPath, realPath: toRealPath, toPath: path, toRealPath: realPath };
    return create(FileEffectSchema, { action, ...places, ...states });
  }
  return create(FileEffectSchema, { action: inverseAction(effect), path, realPath, ...states });
}

function inverseAction({ action, before }: FileEffect): FileAction {
  if (action === FileAction.CREATE || action === FileAction.MAKE_FOLDER) return FileAction.DELETE;
  if (action === FileAction.DELETE) return before?.folder ? FileAction.MAKE_FOLDER : FileAction.CREATE;
  return action;
}

/** What stands there was judged to be as the change left it. @throws FILE_CHANGED where it is not so any more */
export async function takeBack(parts: TakeBackParts, { record }: KeptChange): Promise<void> {
  const wanted = inverseOf(record.effect!);
  const target = await openPlaceOf(parts.allow, wanted.realPath, wanted.path);
  const inverse = withOwner(wanted, target);
  try {
    if (inverse.action === FileAction.MOVE) await moveBack(parts, inverse, target);
    else if (inverse.action === FileAction.MAKE_FOLDER) await makeAgain(parts, inverse, target);
    else if (inverse.action === FileAction.DELETE) await deleteAgain(parts, inverse, target);
    else if (inverse.after?.folder) await modeAgain(parts, inverse, target);
    else if (inverse.after?.linkTarget) await linkAgain(parts, inverse, target);
    else await restore(parts, inverse, target, record.blob);
  } catch (error) {
    throw changeFailure(error);
  } finally {
    await target.close();
  }
}

/** Whose it is that goes, and its other names: the one who did the change could not know it. */
function withOwner(inverse: FileEffect, { before: there }: ChangeTarget): FileEffect {
  if (!inverse.before || !there) return inverse;
  const { uid, gid } = there.stat;
  const known = { uid: Number(uid), gid: Number(gid), otherNames: otherNamesOf(there.stat) };
  return create(FileEffectSchema, { ...inverse, before: { ...inverse.before, ...known } });
}

async function moveBack({ allow, keep }: TakeBackParts, inverse: FileEffect, from: ChangeTarget): Promise<void> {
  const to = await openPlaceOf(allow, inverse.toRealPath, inverse.toPath);
  try {
    if (to.before) throw new AppError('PLACE_TAKEN');
    await keep(inverse, undefined);
    await moveTo(from, to);
  } finally {
    await to.close();
  }
}

async function makeAgain({ keep }: TakeBackParts, inverse: FileEffect, target: ChangeTarget): Promise<void> {
  if (target.before) throw new AppError('PLACE_TAKEN');
  await keep(inverse, undefined);
  await newFolder(target.path, inverse.after?.mode ?? 0o755);
  await giveBack(target.path, inverse);
  await target.folder.handle.sync().catch(unsynced);
}

/** To whom it belonged; only root can. */
async function giveBack(path: string, { after }: FileEffect): Promise<void> {
  if (process.getuid?.() === 0) await lchown(path, after?.uid ?? 0, after?.gid ?? 0);
}

/** Of a folder only the permissions. */
async function modeAgain({ keep }: TakeBackParts, inverse: FileEffect, target: ChangeTarget): Promise<void> {
  const { before } = target;
  if (!before?.stat.isDirectory()) throw new AppError('FILE_CHANGED');
  await keep(inverse, undefined);
  await requireSame(target);
  await before.handle.chmod(inverse.after!.mode);
  await before.handle.sync().catch(unsynced);
}

/** Where it leads is not looked at: it led there before. */
async function linkAgain({ keep }: TakeBackParts, inverse: FileEffect, target: ChangeTarget): Promise<void> {
  if (target.before) throw new AppError('PLACE_TAKEN');
  await keep(inverse, undefined);
  await symlink(inverse.after!.linkTarget, target.path).catch((error: unknown) => {
    throw systemCode(error) === 'EEXIST' ? new AppError('PLACE_TAKEN') : error;
  });
  await giveBack(target.path, inverse);
  await target.folder.handle.sync().catch(unsynced);
}

async function deleteAgain({ keep, signal }: TakeBackParts, inverse: FileEffect, target: ChangeTarget): Promise<void> {
  const { before, path, folder } = target;
  if (!before) throw new AppError('FILE_CHANGED');
  const isFolder = before.stat.isDirectory();
  await keep(inverse, before.stat.isFile() ? contentOf(before, signal) : undefined);
  await requireSame(target);
  await (isFolder ? rmdir(path) : unlink(path)).catch((error: unknown) => {
    throw ['ENOTEMPTY', 'EEXIST'].includes(systemCode(error)) ? new AppError('FOLDER_NOT_EMPTY') : error;
  });
  await folder.handle.sync().catch(unsynced);
}

/** The bytes before come from their blob; without one they are still the beginning of what is there. */
async function restore(parts: TakeBackParts, inverse: FileEffect, target: ChangeTarget, blob: string): Promise<void> {
  const { blobs, signal, temporaries, keep } = parts;
  const { before } = target;
  const { bytes, sha256, mode } = inverse.after!;
  const current = before && contentOf(before, signal);
  const source = blob === '' ? beginningOf(current, Number(bytes)) : blobs.pieces(blob);
  await putFile(target, {
    fill: async (file) => {
      for await (const piece of source) await file.writeFile(piece);
    },
    owner: inverse.after!,
    sha256: bytes === 0n ? createHash('sha256').digest() : sha256,
    mode,
    signal,
    temporaries,
    ready: (stat) =>
      keep(
        create(FileEffectSchema, {
          ...inverse,
          after: { ...inverse.after!, device: stat.dev, inode: stat.ino, otherNames: 0 },
        }),
        current,
      ),
  });
}

async function* beginningOf(content: KeptContent | undefined, bytes: number): AsyncGenerator<Uint8Array> {
  let left = bytes;
  for await (const piece of content?.pieces() ?? []) {
    if (left <= 0) return;
    yield piece.subarray(0, left);
    left -= piece.length;
  }
}
