// What the owner can be asked to share when a Read would tell the content of a file and no grant lets that out. Nothing leaves here.
import { create } from '@bufbuild/protobuf';
import {
  type ShareEffect,
  ShareEffectSchema,
  ShareFileSchema,
} from '../../../../gen/bowline/approval/v1/approval_pb.ts';
import type { ReadRequest } from '../../../../gen/bowline/capability/fs/v1/fs_pb.ts';
import { UNKNOWN_RECIPIENT } from '../../../contract/unknown-recipient.ts';
import type { JudgedPath } from '../../allowlist/judge-path.ts';
import { originOf, type ReadBounds } from '../../files/content.ts';
import type { LineRange } from '../../files/file-origin.ts';
import { ShareResolver } from '../../grants/share-resolver.ts';
import type { ShareToAsk, ToolCallContext, ToolParts } from '../tool.ts';
import { lookAt, openJudged } from './place.ts';

/** The last line of a file that is not known. */
const NO_END = 0x7fffffff;

/** Undefined where nobody is there to be asked, or it is not known who would see it. */
export function shareOfRead(
  parts: ToolParts,
  judged: JudgedPath,
  request: ReadRequest,
  call: ToolCallContext,
): ShareToAsk | undefined {
  const { run, recipient } = call;
  if (!parts.ownRuns.asksToShare(run) || parts.piped.holds(judged)) return undefined;
  if (recipient === '' || recipient === UNKNOWN_RECIPIENT) return undefined;
  return { show: () => shown(parts, judged, request, call) };
}

async function shown(
  parts: ToolParts,
  judged: JudgedPath,
  request: ReadRequest,
  call: ToolCallContext,
): Promise<ShareEffect | undefined> {
  if (await isCovered(parts, judged, request, call)) {
    parts.grants.sent(call.run);
    return undefined;
  }
  const { limits } = parts;
  const isRange = request.startLine > 0 || request.endLine > 0;
  const lines = isRange ? { startLine: request.startLine || 1, endLine: request.endLine || NO_END } : {};
  const resolver = new ShareResolver(parts.allow, limits, parts.texts);
  const wish = { pattern: judged.name, ...lines };
  const [file] = await resolver.resolve([wish], undefined, { text: true, signal: call.signal });
  const size = (await lookAt(parts, judged))?.stat.size;
  if (!file || size === undefined) return undefined;
  const { path, realPath, device, inode, sha256, startLine, masked } = file;
  const told = Math.min(Number(file.bytes), request.maxBytes || limits.read_bytes, limits.read_bytes);
  const runIsWhole = !isRange || size <= Math.min(limits.file_bytes, limits.share_bytes);
  const endLine = file.endLine === NO_END ? 0 : file.endLine;
  const runBytes = isRange && runIsWhole ? size : file.bytes;
  const frozen = { path, realPath, device, inode, sha256, startLine, endLine };
  const about = { bytes: BigInt(told), runBytes, runIsWhole, masked };
  const recipientIsLocal = parts.grants.isLocal(call.recipient);
  const files = [create(ShareFileSchema, { ...frozen, ...about })];
  return create(ShareEffectSchema, { files, recipient: call.recipient, recipientIsLocal });
}

/** Whether a grant lets out what is read, or a part of it. */
async function isCovered(
  parts: ToolParts,
  judged: JudgedPath,
  { startLine, endLine }: ReadRequest,
  { run, job, recipient, signal }: ToolCallContext,
): Promise<boolean> {
  const file = await openJudged(parts, judged);
  try {
    if (!parts.grants.names(run, file.realPath, job)) return false;
    const looked = await parts.texts.look(file, boundsOfRead(parts, signal));
    const cover = parts.grants.covers({ ...originOf(parts.allow, file, looked.sha256), run, job, recipient });
    if (typeof cover === 'string') return false;
    return !cover.lines || firstOverlap(wantedLines(startLine, endLine), cover.lines) !== undefined;
  } finally {
    await file.handle.close();
  }
}

/** Of a file that is larger than one may be opened only lines are shared, and the grant says which. */
export const boundsOfRead = ({ limits }: Pick<ToolParts, 'limits'>, signal: AbortSignal): ReadBounds => ({
  maxBytes: limits.search_bytes,
  setting: 'limits.search_bytes',
  documentBytes: limits.file_bytes,
  signal,
});

/** The lines that a Read names; all of them where it names none. */
export const wantedLines = (start: number, end: number): LineRange => ({
  start: start || 1,
  end: end || Number.POSITIVE_INFINITY,
});

/** The lines wanted that the first fitting grant allows. */
export function firstOverlap(wanted: LineRange, granted: readonly LineRange[]): LineRange | undefined {
  return granted
    .map((range) => ({ start: Math.max(wanted.start, range.start), end: Math.min(wanted.end, range.end) }))
    .find(({ start, end }) => start <= end);
}
