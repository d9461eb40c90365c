// fs.Delete: one file or one empty folder goes. A link is nothing that it deletes.
import { readdir, rmdir, unlink } from 'node:fs/promises';
import { create } from '@bufbuild/protobuf';
import { FileAction, FileEffectSchema } from '../../../../gen/bowline/approval/v1/approval_pb.ts';
import {
  FileKind,
  type DeleteRequest as FsDeleteRequest,
  DeleteResponseSchema as FsDeleteResponseSchema,
  FsService,
} from '../../../../gen/bowline/capability/fs/v1/fs_pb.ts';
import { AppError } from '../../../base/errors.ts';
import { systemCode } from '../../../base/system-code.ts';
import type { AllowedWrite } from '../../allowlist/allowlist.ts';
import { placeOf } from '../../allowlist/open-beneath.ts';
import { readPieces } from '../../files/content.ts';
import type { EdgeTool, ToolParts } from '../tool.ts';
import { unsynced } from './change/change-failure.ts';
import { stateOf } from './change/file-effect.ts';
import { contentOf, requireSame } from './change/new-file.ts';
import { OldText } from './change/old-text.ts';
import { changeOf, type OpenChange } from './change/open-change.ts';
import { folderOf, openTarget } from './change/target.ts';

export function deleteTool(parts: ToolParts): EdgeTool {
  return {
    method: FsService.method.delete,
    prepare(message, call) {
      const judged = parts.allow.judgeWrite((message as FsDeleteRequest).path);
      return changeOf(parts, call, [judged], () => openDelete(parts, judged, call.signal));
    },
  };
}

async function openDelete({ allow }: ToolParts, judged: AllowedWrite, signal: AbortSignal): Promise<OpenChange> {
  const target = await openTarget(allow, judged, 'folders');
  const { before, folder, named, path, realPath } = target;
  try {
    if (!before) throw new AppError('FILE_NOT_FOUND');
    const isFolder = before.stat.isDirectory();
    if (isFolder && (await readdir(placeOf({ handle: before.handle, realPath }))).length > 0)
      throw new AppError('FOLDER_NOT_EMPTY');
    const old = new OldText();
    const bounds = { maxBytes: Number(before.stat.size), signal };
    const sha256 = isFolder ? undefined : await readPieces({ ...folder, ...before }, bounds, old.receive);
    return {
      effect: create(FileEffectSchema, {
        action: FileAction.DELETE,
        path: named.name,
        realPath,
        before: stateOf(before.stat, sha256),
        ...folderOf(target),
      }),
      ...(isFolder ? {} : { diff: () => old.replacedBy(new Uint8Array()), content: contentOf(before, signal) }),
      act: async (ready) => {
        await ready();
        await requireSame(target);
        await (isFolder ? rmdir(path) : unlink(path)).catch((error: unknown) => {
          throw ['ENOTEMPTY', 'EEXIST'].includes(systemCode(error)) ? new AppError('FOLDER_NOT_EMPTY') : error;
        });
        await folder.handle.sync().catch(unsynced);
        return create(FsDeleteResponseSchema, { kind: isFolder ? FileKind.FOLDER : FileKind.FILE });
      },
      close: target.close,
    };
  } catch (error) {
    await target.close();
    throw error;
  }
}
