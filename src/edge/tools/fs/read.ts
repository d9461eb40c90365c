// fs.Read: lines of a shared file, or what may be told of one that is not.
import { create } from '@bufbuild/protobuf';
import {
  FsService,
  type ReadRequest,
  type ReadResponse,
  ReadResponseSchema,
} from '../../../../gen/bowline/capability/fs/v1/fs_pb.ts';
import { AppError } from '../../../base/errors.ts';
import type { OpenFile } from '../../allowlist/open-file.ts';
import type { FileOrigin } from '../../egress/origins.ts';
import type { Cover, LineRange } from '../../grants/grants.ts';
import type { EdgeTool, ToolCallContext, ToolParts } from '../tool.ts';
import { originOf, readContent } from './content.ts';
import { fileInfo } from './file-info.ts';
import { decodeText, linesOf, slice } from './text.ts';

export function readTool(parts: ToolParts): EdgeTool {
  return {
    method: FsService.method.read,
    prepare(message, call) {
      const request = message as ReadRequest;
      const judged = parts.allow.judgeRead(request.path);
      // Before anything is looked at: which ranges exist would tell how long the file is.
      if (isPart(request) && !parts.grants.names(call.run, judged.name)) throw new AppError('RANGE_NEEDS_GRANT');
      if (request.endLine !== 0 && request.endLine < request.startLine) {
        throw new AppError('INVALID_ARGUMENT', { what: 'end_line is before start_line' });
      }
      return async (emit) => {
        const file = await parts.allow.openFile(judged);
        try {
          await emit(await answer(parts, file, request, call));
        } finally {
          await file.handle.close();
        }
      };
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
  const { name } = file.judged;
  // Without a grant the content is not even looked at.
  if (!parts.grants.names(call.run, name)) return aboutOnly(file, originOf(file, undefined), call);
  const content = await readContent(file, parts.limits.file_bytes);
  const origin = originOf(file, content);
  const cover = parts.grants.covers({ ...origin, run: call.run, recipient: call.recipient });
  if (typeof cover !== 'string') {
    const response = create(ReadResponseSchema, { file: call.origins.set(fileInfo(name, file.stat), origin) });
    return withGrant(parts, response, origin, content, cover, request, call);
  }
  if (isPart(request)) throw new AppError('RANGE_NEEDS_GRANT');
  return aboutOnly(file, origin, call);
}

function aboutOnly(file: OpenFile, origin: FileOrigin, call: ToolCallContext): ReadResponse {
  const info = call.origins.set(fileInfo(file.judged.name, file.stat), origin);
  return call.origins.set(create(ReadResponseSchema, { file: info }), origin);
}

function withGrant(
  parts: ToolParts,
  response: ReadResponse,
  origin: FileOrigin,
  content: Uint8Array,
  cover: Cover,
  request: ReadRequest,
  call: ToolCallContext,
): ReadResponse {
  const text = decodeText(content);
  if (text === undefined) throw new AppError('NOT_TEXT');
  const lines = linesOf(text);
  const total = lines.starts.length;
  const wanted = { start: request.startLine || 1, end: Math.min(request.endLine || total, total) };
  const range = cover.lines ? firstOverlap(wanted, cover.lines) : wanted;
  if (!range) throw new AppError('RANGE_NEEDS_GRANT');
  if (range.start <= range.end) {
    const limit = Math.min(request.maxBytes || parts.limits.read_bytes, parts.limits.read_bytes);
    const part = slice(lines, range.start, range.end, limit);
    Object.assign(response, { text: part.text, firstLine: range.start, truncated: part.cut || part.last < wanted.end });
    call.origins.set(response, {
      ...origin,
      lines: { start: range.start, end: part.last },
      whole: ['total_lines', 'truncated'],
    });
  } else call.origins.set(response, origin);
  response.totalLines = total;
  return response;
}

/** The lines wanted that the first fitting grant allows. */
function firstOverlap(wanted: LineRange, granted: readonly LineRange[]): LineRange | undefined {
  return granted
    .map((range) => ({ start: Math.max(wanted.start, range.start), end: Math.min(wanted.end, range.end) }))
    .find(({ start, end }) => start <= end);
}
