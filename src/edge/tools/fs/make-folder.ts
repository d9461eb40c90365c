// fs.MakeFolder: one folder comes into being, in one that is there.
import { constants } from 'node:fs';
import { mkdir, open } from 'node:fs/promises';
import { create } from '@bufbuild/protobuf';
import { FileAction, FileEffectSchema } from '../../../../gen/bowline/approval/v1/approval_pb.ts';
import {
  FsService,
  type MakeFolderRequest,
  MakeFolderResponseSchema,
} from '../../../../gen/bowline/capability/fs/v1/fs_pb.ts';
import { AppError } from '../../../base/errors.ts';
import { systemCode } from '../../../base/system-code.ts';
import type { AllowedWrite } from '../../allowlist/allowlist.ts';
import type { EdgeTool, ToolParts } from '../tool.ts';
import { unsynced } from './change/change-failure.ts';
import { changeOf, type OpenChange } from './change/open-change.ts';
import { folderOf, openTarget } from './change/target.ts';
import { fileInfo } from './file-info.ts';

export function makeFolderTool(parts: ToolParts): EdgeTool {
  return {
    method: FsService.method.makeFolder,
    prepare(message, call) {
      const judged = parts.allow.judgeWrite((message as MakeFolderRequest).path);
      // An entry that names a file permits a file.
      if (!judged.entry.folder) throw new AppError('PATH_NOT_ALLOWED');
      return changeOf(parts, call, [judged], () => openMakeFolder(parts, judged));
    },
  };
}

const MODE = 0o755;

async function openMakeFolder({ allow }: ToolParts, judged: AllowedWrite): Promise<OpenChange> {
  const target = await openTarget(allow, judged, 'folders');
  const { before, folder, named, path, realPath } = target;
  if (before) {
    await target.close();
    throw new AppError('PLACE_TAKEN');
  }
  return {
    effect: create(FileEffectSchema, {
      action: FileAction.MAKE_FOLDER,
      path: named.name,
      realPath,
      after: { mode: MODE, folder: true },
      ...folderOf(target),
    }),
    act: async (ready) => {
      await ready();
      const stat = await newFolder(path, MODE);
      await folder.handle.sync().catch(unsynced);
      return create(MakeFolderResponseSchema, { folder: fileInfo(allow, named.name, realPath, stat) });
    },
    close: target.close,
  };
}

/** With exactly these permissions, whatever the process takes off. @throws PLACE_TAKEN */
export async function newFolder(path: string, mode: number) {
  await mkdir(path, 0o700).catch((error: unknown) => {
    throw systemCode(error) === 'EEXIST' ? new AppError('PLACE_TAKEN') : error;
  });
  const handle = await open(path, constants.O_RDONLY | constants.O_DIRECTORY | constants.O_NOFOLLOW);
  try {
    await handle.chmod(mode);
    return await handle.stat({ bigint: true });
  } finally {
    await handle.close();
  }
}
