// fs.List: the entries of a folder or of all roots, in pages of a fixed order.
import { create } from '@bufbuild/protobuf';
import {
  type FileInfo,
  FsService,
  type ListRequest,
  ListResponseSchema,
} from '../../../../gen/bowline/capability/fs/v1/fs_pb.ts';
import { SizeClass } from '../../../../gen/bowline/run/v1/run_pb.ts';
import type { JudgedPath } from '../../allowlist/judge-path.ts';
import { placeGlob } from '../../files/place-glob.ts';
import { compareNames, type WalkBudget, type WalkEntry, walk } from '../../files/walk.ts';
import type { EdgeTool, PreparedCall, ToolCallContext, ToolParts } from '../tool.ts';
import { passedOverTo, startsOf, walkBudget } from './entries-below.ts';
import { fileInfo } from './file-info.ts';
import { grantedOrigin } from './granted-origin.ts';
import { Looking } from './looking.ts';

const DEFAULT_PAGE = 200;
const MAX_PAGE = 1000;

export function listTool(parts: ToolParts): EdgeTool {
  return {
    method: FsService.method.list,
    prepare(message, call) {
      const request = message as ListRequest;
      const folder = request.path === '' ? undefined : parts.allow.judgeRead(request.path);
      const work: PreparedCall['work'] = async (emit) => {
        const looking = new Looking();
        const isFirst = request.pageToken === '';
        const page = await pageOf(parts, folder, request, call, isFirst ? looking : new Looking());
        if (!isFirst) await pageOf(parts, folder, { ...request, pageToken: '', pageSize: 0 }, call, looking, 'count');
        noteUnreadable(call, looking, 'files', folder?.name ?? '');
        await emit(create(ListResponseSchema, { ...page, looked: looking.looked }));
      };
      return { work };
    },
  };
}

/** One page, and a count of all that matches from its beginning on. @param only `count`: without the entries */
async function pageOf(
  parts: ToolParts,
  folder: JudgedPath | undefined,
  request: ListRequest,
  call: ToolCallContext,
  looking: Looking,
  only?: 'count',
): Promise<{ readonly files: FileInfo[]; readonly nextPageToken: string }> {
  const budget = walkBudget(parts);
  const matches = placeGlob(request.glob);
  const size = Math.min(request.pageSize || DEFAULT_PAGE, MAX_PAGE);
  const files: FileInfo[] = [];
  let last = '';
  let more = false;
  for await (const entry of entries(parts, folder, request, budget, call, looking)) {
    const match = matches(entry.judged);
    if (match) looking.files++;
    if (match && files.length >= size) more = true;
    if (more || only === 'count') continue;
    if (match) files.push(await infoOf(parts, entry, call));
    last = entry.judged.name;
  }
  looking.more = budget.met;
  return { files, nextPageToken: more || budget.met ? last : '' };
}

/** Says that names were left out which cannot be told, and how many. */
export function noteUnreadable(call: ToolCallContext, { skips }: Looking, field: string, folder: string): void {
  const unreadable = skips.get('UNTELLABLE_NAME')?.count ?? 0;
  if (unreadable === 0) return;
  const name = `${folder === '' ? '' : `${folder}: `}${unreadable} ${unreadable === 1 ? 'name' : 'names'}`;
  call.origins.note({ field, why: 'UNREADABLE_NAME', name, size: SizeClass.UNSPECIFIED, hint: '' });
}

async function* entries(
  parts: ToolParts,
  folder: JudgedPath | undefined,
  request: ListRequest,
  budget: WalkBudget,
  call: ToolCallContext,
  looking: Looking,
): AsyncGenerator<WalkEntry> {
  const after = request.pageToken === '' ? undefined : request.pageToken;
  const options = {
    recursive: request.recursive,
    maxDepth: parts.limits.walk_depth,
    ...(after === undefined ? {} : { after }),
    budget,
    signal: call.signal,
    ...passedOverTo(parts, looking, request.glob),
  };
  if (folder) {
    yield* walk(parts.allow, folder, options);
    return;
  }
  for (const root of startsOf(parts)) {
    const found = await parts.allow.resolve(root).catch(() => undefined);
    if (!found) continue;
    const { realPath, stat } = found;
    if (after === undefined || compareNames(root.name, after) > 0) yield { judged: root, realPath, stat };
    if (request.recursive && stat.isDirectory()) yield* walk(parts.allow, root, options);
  }
}

async function infoOf(parts: ToolParts, entry: WalkEntry, call: ToolCallContext): Promise<FileInfo> {
  const { judged, realPath, stat } = entry;
  const info = fileInfo(parts.allow, judged.name, realPath, stat);
  if (!stat.isFile()) return info;
  // A file that cannot be read any more is listed all the same, without its exact size.
  const origin = await grantedOrigin(parts, entry, call).catch(() => undefined);
  return origin ? call.origins.set(info, origin) : info;
}
