// fs.Move: one file or folder gets another name or place. What has that name already is never replaced.
import { create } from '@bufbuild/protobuf';
import { FileAction, FileEffectSchema } from '../../../../gen/bowline/approval/v1/approval_pb.ts';
import { FsService, type MoveRequest, MoveResponseSchema } from '../../../../gen/bowline/capability/fs/v1/fs_pb.ts';
import { AppError } from '../../../base/errors.ts';
import type { AllowedWrite } from '../../allowlist/allowlist.ts';
import { refused } from '../../allowlist/judge-path.ts';
import { readPieces } from '../../files/content.ts';
import type { EdgeTool, ToolParts } from '../tool.ts';
import { stateOf } from './change/file-effect.ts';
import { moveTo } from './change/move-to.ts';
import { changeOf, type OpenChange } from './change/open-change.ts';
import { type ChangeTarget, folderOf, openTarget } from './change/target.ts';
import { fileInfo } from './file-info.ts';

export function moveTool(parts: ToolParts): EdgeTool {
  return {
    method: FsService.method.move,
    prepare(message, call) {
      const request = message as MoveRequest;
      const from = parts.allow.judgeWrite(request.path);
      const to = parts.allow.judgeWrite(request.toPath);
      return changeOf(parts, call, [from, to], () => openMove(parts, from, to, call.signal));
    },
  };
}

async function openMove(
  parts: ToolParts,
  judged: AllowedWrite,
  judgedTo: AllowedWrite,
  signal: AbortSignal,
): Promise<OpenChange> {
  const from = await openTarget(parts.allow, judged, 'folders');
  let to: ChangeTarget | undefined;
  const close = async () => {
    await from.close();
    await to?.close();
  };
  try {
    const { before, folder, named, realPath } = from;
    if (!before) throw new AppError('FILE_NOT_FOUND');
    const isFolder = before.stat.isDirectory();
    // An entry that names a file takes no folder.
    if (isFolder && !judgedTo.entry.folder) throw refused();
    to = await openTarget(parts.allow, judgedTo, 'folders');
    if (to.before) throw new AppError('PLACE_TAKEN');
    if (to.folder.stat.dev !== before.stat.dev) throw new AppError('MOVE_ACROSS');
    const target = to;
    // What is below would get names that nobody judged.
    if (
      isFolder &&
      (await parts.allow.keepsBelow(realPath, target.realPath, judgedTo, parts.limits.walk_entries, signal))
    )
      throw refused();
    const bounds = { maxBytes: Number(before.stat.size), signal };
    const state = stateOf(before.stat, isFolder ? undefined : await readPieces({ ...folder, ...before }, bounds));
    return {
      effect: create(FileEffectSchema, {
        action: FileAction.MOVE,
        path: named.name,
        realPath,
        toPath: target.named.name,
        toRealPath: target.realPath,
        before: state,
        after: state,
        ...folderOf(from),
        toFolderDevice: target.folder.stat.dev,
        toFolderInode: target.folder.stat.ino,
      }),
      act: async (ready) => {
        await ready();
        const stat = await moveTo(from, target);
        const file = fileInfo(parts.allow, target.named.name, target.realPath, stat);
        return create(MoveResponseSchema, { file });
      },
      close,
    };
  } catch (error) {
    await close();
    throw error;
  }
}
