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
import { keyedHash } from '../../egress/keyed-hash.ts';
import { type FileOrigin, shareHint } from '../../egress/origins.ts';
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
  if (file.stat.size > parts.limits.file_bytes && !parts.grants.names(call.run, name)) return tooLarge(file, call);
  const content = await readContent(file, parts.limits.file_bytes);
  const origin = originOf(file, content);
  const info = fileInfo(name, file.stat, { keyedHash: keyedHash(parts.hashKey, name, content) });
  call.origins.set(info, origin);
  const cover = parts.grants.covers({ ...origin, run: call.run, recipient: call.recipient });
  if (typeof cover === 'string') {
    if (isPart(request)) throw new AppError('RANGE_NEEDS_GRANT');
    return withoutGrant(parts, create(ReadResponseSchema, { file: info }), origin, content, call);
  }
  return withGrant(parts, create(ReadResponseSchema, { file: info }), origin, content, cover, request, call);
}

/** No hash either, because it would need the content. */
function tooLarge(file: OpenFile, call: ToolCallContext): ReadResponse {
  const origin = originOf(file, undefined);
  const info = call.origins.set(fileInfo(file.judged.name, file.stat), origin);
  return call.origins.set(create(ReadResponseSchema, { file: info }), origin);
}

function withoutGrant(
  parts: ToolParts,
  response: ReadResponse,
  origin: FileOrigin,
  content: Uint8Array,
  call: ToolCallContext,
): ReadResponse {
  const text = decodeText(content);
  const hash = response.file?.keyedHash ?? '';
  const summary =
    text === undefined
      ? ''
      : parts.summaries.give({ name: origin.name, hash, text, bytes: content.length }, parts.now());
  response.summary = summary ?? '';
  if (summary === undefined) {
    const { name, sizeClass } = origin;
    call.origins.note({ field: 'summary', why: 'BUDGET', name, size: sizeClass, hint: shareHint(name) });
  }
  return call.origins.set(response, { ...origin, summary: response.summary });
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
