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
import { LinePicker } from '../../files/lines.ts';
import { type Cover, valuesIn } from '../../grants/grants.ts';
import type { EdgeTool, PreparedCall, ToolCallContext, ToolParts } from '../tool.ts';
import { fileInfo } from './file-info.ts';
import { judgePlace, openJudged } from './place.ts';
import { boundsOfRead, firstOverlap, shareOfRead, wantedLines } from './share-of-read.ts';

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
  if (!parts.grants.names(call.run, file.realPath, call.job)) {
    if (isPart(request)) throw new AppError('RANGE_NEEDS_GRANT');
    return aboutOnly(parts, file, originOf(parts.allow, file, undefined), call);
  }
  const reading = boundsOfRead(parts, call.signal);
  const looked = await parts.texts.look(file, reading);
  const origin = originOf(parts.allow, file, looked.sha256);
  const cover = parts.grants.covers({ ...origin, run: call.run, job: call.job, recipient: call.recipient });
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
  const wanted = wantedLines(request.startLine, request.endLine);
  const range = cover.lines ? firstOverlap(wanted, cover.lines) : wanted;
  if (!range) throw new AppError('RANGE_NEEDS_GRANT');
  const limit = Math.min(request.maxBytes || parts.limits.read_bytes, parts.limits.read_bytes);
  const picker = new LinePicker(range.start, range.end, limit);
  const reading = boundsOfRead(parts, call.signal);
  const { pageLines } = await parts.texts.text(file, looked, reading, valuesIn(cover), (piece) => picker.add(piece));
  const { text, last, cut, total } = picker.end();
  const response = create(ReadResponseSchema, {
    file: call.origins.set(fileInfo(parts.allow, file.judged.name, file.realPath, file.stat), origin),
    totalLines: total,
  });
  if (last < range.start) return call.origins.set(response, origin);
  const truncated = cut || last < Math.min(wanted.end, total);
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
