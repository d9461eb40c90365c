// One change of a preview as the owner is shown it.
import { constants } from 'node:fs';
import { open } from 'node:fs/promises';
import { create } from '@bufbuild/protobuf';
import {
  FileAction,
  type FileEffect,
  FileEffectSchema,
  type FileState,
  FileStateSchema,
} from '../../../../../gen/bowline/approval/v1/approval_pb.ts';
import { isDiffable, textDiff } from '../../fs/change/text-diff.ts';
import { piecesUpTo } from './folder-place.ts';
import type { PlannedChange, PlannedState } from './planned-change.ts';

/** Of a larger text no diff is made. */
const DIFFED_BYTES = 1 << 20;

/** @param places where the file lies as it was, and as it would be; `most` bytes of its diff */
export async function fileEffectOf(
  { name, realPath }: { readonly name: string; readonly realPath: string },
  { before, after }: PlannedChange,
  places: { readonly lower: string; readonly merged: string } | undefined,
  most: number,
): Promise<FileEffect> {
  const same = before?.kind === after?.kind && before?.sha256 === after?.sha256;
  const [old, now] = same ? [] : [await textOf(before, places?.lower), await textOf(after, places?.merged)];
  const { diff, linesCut } = old && now ? await textDiff(old, now, 0, most) : { diff: '', linesCut: 0 };
  return create(FileEffectSchema, {
    action: actionOf(before, after),
    path: name,
    realPath,
    ...(before ? { before: shownState(before) } : {}),
    ...(after ? { after: shownState(after) } : {}),
    diff,
    diffLinesCut: BigInt(linesCut),
  });
}

function actionOf(before: PlannedState | undefined, after: PlannedState | undefined): FileAction {
  if (!after) return FileAction.DELETE;
  if (before) return FileAction.CHANGE;
  return after.kind === 'folder' ? FileAction.MAKE_FOLDER : FileAction.CREATE;
}

const shownState = ({
  kind,
  mode,
  sha256,
  bytes,
  device,
  inode,
  target,
  uid,
  gid,
  otherNames,
}: PlannedState): FileState =>
  create(FileStateSchema, {
    device: BigInt(device ?? 0),
    inode: BigInt(inode ?? 0),
    sha256: Buffer.from(sha256, 'hex'),
    bytes: BigInt(bytes),
    mode,
    folder: kind === 'folder',
    linkTarget: target ?? '',
    uid: uid ?? 0,
    gid: gid ?? 0,
    otherNames: otherNames ?? 0,
  });

/** Undefined where it is no text that is compared. */
async function textOf(state: PlannedState | undefined, from: string | undefined): Promise<Uint8Array | undefined> {
  if (!state) return new Uint8Array();
  if (state.kind !== 'file' || state.bytes > DIFFED_BYTES || from === undefined) return undefined;
  const file = await open(from, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  try {
    const pieces: Buffer[] = [];
    for await (const piece of piecesUpTo(file, state.bytes)) pieces.push(Buffer.from(piece));
    const bytes = Buffer.concat(pieces);
    return isDiffable(bytes) ? bytes : undefined;
  } finally {
    await file.close();
  }
}
