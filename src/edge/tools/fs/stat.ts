// fs.Stat: what may be told of one file or folder. With a grant also its exact size.
import { create } from '@bufbuild/protobuf';
import { FsService, type StatRequest, StatResponseSchema } from '../../../../gen/bowline/capability/fs/v1/fs_pb.ts';
import { AppError } from '../../../base/errors.ts';
import type { EdgeTool, PreparedCall, ToolParts } from '../tool.ts';
import { fileInfo } from './file-info.ts';
import { grantedOrigin } from './granted-origin.ts';
import { judgePlace, lookAt } from './place.ts';

export function statTool(parts: ToolParts): EdgeTool {
  return {
    method: FsService.method.stat,
    prepare(message, call) {
      const judged = judgePlace(parts, (message as StatRequest).path, call.run);
      const work: PreparedCall['work'] = async (emit) => {
        const found = await lookAt(parts, judged);
        if (!found) throw new AppError('FILE_NOT_FOUND');
        const { stat, judged: there } = found;
        const info = fileInfo(parts.allow, there.name, found.realPath, stat);
        const origin = stat.isFile() ? await grantedOrigin(parts, found, call) : undefined;
        if (origin) call.origins.set(info, origin);
        await emit(create(StatResponseSchema, { file: info }));
      };
      return { work };
    },
  };
}
