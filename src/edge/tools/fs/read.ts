// fs.Read: lines of a shared file, or what may be told of one that is not.
import { create } from '@bufbuild/protobuf';
import {
  FsService,
  ReadPagesSchema,
  type ReadRequest,
  type ReadResponse,
  ReadResponseSchema,
} from '../../../../gen/bowline/capability/fs/v1/fs_pb.ts';
import { AppError } from '../../../base/errors.ts';
import type { OpenFile } from '../../allowlist/open-file.ts';
import { originOf } from '../../files/content.ts';
import type { FileOrigin, LineRange } from '../../files/file-origin.ts';
import type { LookedAt } from '../../files/file-text.ts';
import type { Cover } from '../../grants/grants.ts';
import type { EdgeTool, PreparedCall, ToolCallContext, ToolParts } from '../tool.ts';
import { fileInfo } from './file-info.ts';
import { boundsOfRead, linesOfRead } from './lines-of-read.ts';
import { judgePlace, openJudged } from './place.ts';
import { shareOfRead } from './share-of-read.ts';

export function readTool(parts: ToolParts): EdgeTool {
  return {
    method: FsService.method.read,
    prepare(message, call) {
      const request = message as ReadRequest;
      const judged = judgePlace(parts, request.path, call.run);
      const share = shareOfRead(parts, judged, request, call);
      // Before anything is looked at: which ranges exist would tell how long the file is.
      const mustBeShared = () => {
        if (isPart(request) && !parts.grants.any(call.run)) throw new AppError('RANGE_NEEDS_GRANT');
      };
      if (!share) mustBeShared();
      if (request.endLine !== 0 && request.endLine < request.startLine) {
        throw new AppError('INVALID_ARGUMENT', { what: 'end_line is before start_line' });
      }
      const work: PreparedCall['work'] = async (emit) => {
        mustBeShared();
        const file = await openJudged(parts, judged);
        try {
          await emit(await answer(parts, file, request, call));
        } finally {
          await file.handle.close();
        }
      };
      return share ? { work, share } : { work };
    },
  };
}

const isPart = ({ startLine, endLine, maxBytes }: ReadRequest): boolean => startLine > 0 || endLine > 0 || maxBytes > 0;

async function answer(
  parts: ToolParts,
  file: OpenFile,
  request: ReadRequest,
  call: ToolCallContext,
): Promise<ReadResponse> {
  // Without a grant the content is not even looked at.
  const { run, callDigest, recipient } = call;
  if (!parts.grants.names(run, file.realPath, callDigest)) {
    if (isPart(request)) throw new AppError('RANGE_NEEDS_GRANT');
    return aboutOnly(parts, file, originOf(parts.allow, file, undefined), call);
  }
  const reading = boundsOfRead(parts, call.signal);
  const looked = await parts.texts.look(file, reading);
  const origin = originOf(parts.allow, file, looked.sha256);
  const cover = parts.grants.covers({ ...origin, run, callDigest, recipient });
  if (typeof cover !== 'string') return withGrant(parts, file, { looked, origin, cover }, request, call);
  if (isPart(request)) throw new AppError('RANGE_NEEDS_GRANT');
  return aboutOnly(parts, file, origin, call);
}

function aboutOnly({ allow }: ToolParts, file: OpenFile, origin: FileOrigin, call: ToolCallContext): ReadResponse {
  const info = call.origins.set(fileInfo(allow, file.judged.name, file.realPath, file.stat), origin);
  return call.origins.set(create(ReadResponseSchema, { file: info }), origin);
}

/** Reads again, now that it is known which lines may leave, and makes sure that it is the same content. */
async function withGrant(
  parts: ToolParts,
  file: OpenFile,
  { looked, origin, cover }: { readonly looked: LookedAt; readonly origin: FileOrigin; readonly cover: Cover },
  request: ReadRequest,
  call: ToolCallContext,
): Promise<ReadResponse> {
  const read = await linesOfRead(parts, file, looked, request, cover, call.signal);
  if (!read) throw new AppError('RANGE_NEEDS_GRANT');
  const { range, text, last, total, truncated, pageLines } = read;
  const response = create(ReadResponseSchema, {
    file: call.origins.set(fileInfo(parts.allow, file.judged.name, file.realPath, file.stat), origin),
    totalLines: total,
  });
  if (last < range.start) return call.origins.set(response, origin);
  Object.assign(response, { text, firstLine: range.start, truncated });
  const lines = { start: range.start, end: last };
  // Where only a part may leave, how the pages before it lie is none of it.
  if (pageLines.length > 0 && !cover.lines)
    response.pages = call.origins.set(create(ReadPagesSchema, pagesOf(pageLines, lines)), origin);
  return call.origins.set(response, { ...origin, lines, whole: ['total_lines', 'truncated'] });
}

/** @param pageLines lines on which pages begin */
function pagesOf(pageLines: readonly number[], { start, end }: LineRange): { first: number; starts: number[] } {
  const first = pageLines.filter((line) => line <= start).length;
  return { first, starts: pageLines.slice(first).filter((line) => line <= end) };
}
