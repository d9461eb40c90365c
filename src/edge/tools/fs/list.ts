// fs.List: the entries of a folder or of all roots, in pages of a fixed order.
import { create } from '@bufbuild/protobuf';
import {
  type FileInfo,
  FsService,
  type ListRequest,
  ListResponseSchema,
} from '../../../../gen/bowline/capability/fs/v1/fs_pb.ts';
import { inRoot, type JudgedPath } from '../../allowlist/judge-path.ts';
import type { EdgeTool, ToolCallContext, ToolParts } from '../tool.ts';
import { grantedOrigin } from './content.ts';
import { fileInfo } from './file-info.ts';
import { globMatcher } from './glob.ts';
import { compareNames, type WalkBudget, type WalkEntry, walk } from './walk.ts';

const DEFAULT_PAGE = 200;
const MAX_PAGE = 1000;

export function listTool(parts: ToolParts): EdgeTool {
  return {
    method: FsService.method.list,
    prepare(message, call) {
      const request = message as ListRequest;
      const folder = request.path === '' ? undefined : parts.allow.judgeRead(request.path);
      return async (emit) => {
        const budget = walkBudget(parts);
        const matches = globMatcher(request.glob);
        const size = Math.min(request.pageSize || DEFAULT_PAGE, MAX_PAGE);
        const files: FileInfo[] = [];
        let last = '';
        let more = false;
        for await (const entry of entries(parts, folder, request, budget, call)) {
          if (matches(entry.judged.relative || entry.judged.name)) {
            if (files.length >= size) {
              more = true;
              break;
            }
            files.push(await infoOf(parts, entry, call));
          }
          last = entry.judged.name;
        }
        await emit(create(ListResponseSchema, { files, nextPageToken: more || budget.met ? last : '' }));
      };
    },
  };
}

/** A fresh budget for one call. */
export function walkBudget({ limits, clock }: Pick<ToolParts, 'limits' | 'clock'>): WalkBudget {
  const end = clock.monotonic() + limits.search_ms;
  return { entries: limits.walk_entries, met: false, late: () => clock.monotonic() > end };
}

/** Hidden names are shown when the request names one: as the folder, or in its pattern. */
export function asksForHidden(folder: JudgedPath | undefined, glob: string): boolean {
  return /(^|\/)\./.test(folder?.relative ?? '') || /(^|[/{,])\./.test(glob);
}

async function* entries(
  parts: ToolParts,
  folder: JudgedPath | undefined,
  request: ListRequest,
  budget: WalkBudget,
  call: ToolCallContext,
): AsyncGenerator<WalkEntry> {
  const after = request.pageToken === '' ? undefined : request.pageToken;
  const options = {
    recursive: request.recursive,
    hidden: asksForHidden(folder, request.glob),
    maxDepth: parts.limits.walk_depth,
    ...(after === undefined ? {} : { after }),
    budget,
    signal: call.signal,
  };
  if (folder) {
    yield* walk(parts.allow, folder, options);
    return;
  }
  for (const root of startsOf(parts)) {
    const { stat } = await parts.allow.resolve(root);
    if (!stat) continue;
    if (after === undefined || compareNames(root.name, after) > 0) yield { judged: root, stat };
    if (request.recursive && stat.isDirectory()) yield* walk(parts.allow, root, options);
  }
}

/** The roots that may be read, in order. */
export function startsOf({ allow }: Pick<ToolParts, 'allow'>): JudgedPath[] {
  return allow.readable.map((root) => inRoot(root, '')).sort((a, b) => compareNames(a.name, b.name));
}

async function infoOf(parts: ToolParts, { judged, stat }: WalkEntry, call: ToolCallContext): Promise<FileInfo> {
  const info = fileInfo(judged.name, stat);
  if (!stat.isFile()) return info;
  // A file that cannot be read any more is listed all the same, without its exact size.
  const origin = await grantedOrigin(parts, judged, call.run).catch(() => undefined);
  return origin ? call.origins.set(info, origin) : info;
}
