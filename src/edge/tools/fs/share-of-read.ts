// What the owner can be asked to share when a Read would tell the content of a file and no grant lets that out. Nothing leaves here.
import { create } from '@bufbuild/protobuf';
import {
  type ShareEffect,
  ShareEffectSchema,
  type ShareFile,
  ShareFileSchema,
} from '../../../../gen/bowline/approval/v1/approval_pb.ts';
import type { ReadRequest } from '../../../../gen/bowline/capability/fs/v1/fs_pb.ts';
import { AppError } from '../../../base/errors.ts';
import { UNKNOWN_RECIPIENT } from '../../../contract/unknown-recipient.ts';
import type { JudgedPath } from '../../allowlist/judge-path.ts';
import type { OpenFile } from '../../allowlist/open-file.ts';
import { originOf } from '../../files/content.ts';
import { ShareResolver } from '../../grants/share-resolver.ts';
import type { ShareToAsk, ToolCallContext, ToolParts } from '../tool.ts';
import { boundsOfRead, firstOverlap, linesOfRead, wantedLines } from './lines-of-read.ts';
import { openJudged } from './place.ts';

/** The last line of a file that is not known. */
const NO_END = 0x7fffffff;

/** Undefined where nobody is there to be asked, or it is not known which provider would see it. */
export function shareOfRead(
  parts: ToolParts,
  judged: JudgedPath,
  request: ReadRequest,
  call: ToolCallContext,
): ShareToAsk | undefined {
  const { run, recipient } = call;
  if (!parts.ownRuns.asksToShare(run) || parts.piped.holds(judged)) return undefined;
  // A word that stands for many is nobody whom the owner could say yes to.
  if (['', UNKNOWN_RECIPIENT, 'any', 'local'].includes(recipient)) return undefined;
  return { show: () => shown(parts, judged, request, call) };
}

async function shown(
  parts: ToolParts,
  judged: JudgedPath,
  request: ReadRequest,
  call: ToolCallContext,
): Promise<ShareEffect | undefined> {
  if (await isCovered(parts, judged, request, call)) return undefined;
  // What the call itself would be refused with, whatever is in the file, is its answer; nobody is asked.
  const opened = await openJudged(parts, judged);
  await opened.handle.close();
  const recipientIsLocal = parts.grants.isLocal(call.recipient);
  const files = [
    await shownFile(parts, judged, request, call).catch((error: unknown) => nothingOf(parts, opened, call, error)),
  ];
  return create(ShareEffectSchema, { files, recipient: call.recipient, recipientIsLocal });
}

/** Asked like any other: whether a call waits must not tell what is in a file. */
function nothingOf({ allow }: ToolParts, file: OpenFile, { signal }: ToolCallContext, error: unknown): ShareFile {
  signal.throwIfAborted();
  if (!(error instanceof AppError)) throw error;
  const { realPath, device, inode } = originOf(allow, file, undefined);
  const whyNothing = error.message.slice(0, MOST_WHY);
  return create(ShareFileSchema, { path: file.judged.name, realPath, device, inode, whyNothing });
}

const MOST_WHY = 500;

/** @throws what stands in the way of sharing it */
async function shownFile(
  parts: ToolParts,
  judged: JudgedPath,
  request: ReadRequest,
  call: ToolCallContext,
): Promise<ShareFile> {
  const { limits } = parts;
  const told = await toldOf(parts, judged, request, call);
  const lines = told.lines ?? {};
  const resolver = new ShareResolver(parts.allow, limits, parts.texts);
  const wish = { pattern: judged.name, ...lines };
  const [file] = await resolver.resolve([wish], undefined, { text: true, signal: call.signal });
  if (!file || Buffer.compare(file.sha256, told.sha256) !== 0) throw new AppError('FILE_CHANGED');
  const { path, realPath, device, inode, sha256, startLine, masked } = file;
  const runIsWhole = !told.lines || told.size <= Math.min(limits.file_bytes, limits.share_bytes);
  const endLine = file.endLine === NO_END ? 0 : file.endLine;
  const runBytes = told.lines && runIsWhole ? BigInt(told.size) : file.bytes;
  const frozen = { path, realPath, device, inode, sha256, startLine, endLine };
  const about = { bytes: BigInt(told.bytes), runBytes, runIsWhole, masked, isCut: told.isCut };
  return create(ShareFileSchema, { ...frozen, ...about });
}

/** What the call would tell after a yes, to the byte. */
interface Told {
  readonly sha256: Uint8Array;
  /** Bytes of the file. */
  readonly size: number;
  readonly bytes: number;
  /** Undefined: all of it. */
  readonly lines: { readonly startLine: number; readonly endLine: number } | undefined;
  /** Whether of the last line only the beginning is told. */
  readonly isCut: boolean;
}

async function toldOf(
  parts: ToolParts,
  judged: JudgedPath,
  request: ReadRequest,
  { signal }: ToolCallContext,
): Promise<Told> {
  const file = await openJudged(parts, judged);
  try {
    const looked = await parts.texts.look(file, boundsOfRead(parts, signal));
    const read = await linesOfRead(parts, file, looked, request, NOTHING_GRANTED_YET, signal);
    const { range, last, bytes, truncated, cut: isCut } = read!;
    const isAll = request.startLine === 0 && request.endLine === 0 && !truncated;
    const wantedEnd = request.endLine || NO_END;
    // Lines that are not there are told by whoever freezes them.
    const endLine = truncated && last >= range.start ? last : wantedEnd;
    const lines = isAll ? undefined : { startLine: range.start, endLine };
    return { sha256: looked.sha256, size: Number(file.stat.size), bytes, lines, isCut };
  } finally {
    await file.handle.close();
  }
}

/** All that the call wants is looked at, with values that look like secrets masked. */
const NOTHING_GRANTED_YET = { lines: undefined, secrets: false };

/** Whether a grant lets out what is read, or a part of it. */
async function isCovered(
  parts: ToolParts,
  judged: JudgedPath,
  { startLine, endLine }: ReadRequest,
  { run, callDigest, recipient, signal }: ToolCallContext,
): Promise<boolean> {
  const file = await openJudged(parts, judged);
  try {
    if (!parts.grants.names(run, file.realPath, callDigest)) return false;
    const looked = await parts.texts.look(file, boundsOfRead(parts, signal));
    const cover = parts.grants.covers({ ...originOf(parts.allow, file, looked.sha256), run, callDigest, recipient });
    if (typeof cover === 'string') return false;
    return !cover.lines || firstOverlap(wantedLines(startLine, endLine), cover.lines) !== undefined;
  } finally {
    await file.handle.close();
  }
}
