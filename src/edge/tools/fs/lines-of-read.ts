// Which lines a Read tells of a file, the same when the owner is asked about them and when they are told.

import type { ReadRequest } from '../../../../gen/bowline/capability/fs/v1/fs_pb.ts';
import type { OpenFile } from '../../allowlist/open-file.ts';
import type { ReadBounds } from '../../files/content.ts';
import type { LineRange } from '../../files/file-origin.ts';
import type { LookedAt } from '../../files/file-text.ts';
import { LinePicker, type TakenLines } from '../../files/lines.ts';
import { type Cover, valuesIn } from '../../grants/grants.ts';
import type { ToolParts } from '../tool.ts';

export interface LinesOfRead extends TakenLines {
  readonly range: LineRange;
  /** Whether there are more lines that were wanted, or more of the last. */
  readonly truncated: boolean;
  readonly pageLines: readonly number[];
}

/** Undefined where nothing of what is wanted is covered. */
export async function linesOfRead(
  { texts, limits }: ToolParts,
  file: OpenFile,
  looked: LookedAt,
  { startLine, endLine, maxBytes }: ReadRequest,
  cover: Pick<Cover, 'lines' | 'bytes' | 'secrets'>,
  signal: AbortSignal,
): Promise<LinesOfRead | undefined> {
  const wanted = wantedLines(startLine, endLine);
  const range = cover.lines ? firstOverlap(wanted, cover.lines) : wanted;
  if (!range) return undefined;
  const limit = Math.min(maxBytes || limits.read_bytes, limits.read_bytes, cover.bytes ?? limits.read_bytes);
  const picker = new LinePicker(range.start, range.end, limit);
  const reading = boundsOfRead({ limits }, signal);
  const { pageLines } = await texts.text(file, looked, reading, valuesIn(cover), (piece) => picker.add(piece));
  const taken = picker.end();
  const truncated = taken.cut || taken.last < Math.min(wanted.end, taken.total);
  return { ...taken, range, truncated, pageLines };
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
