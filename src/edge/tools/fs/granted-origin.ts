// What a grant of the run lets be told of a whole file, for List and Stat.
import { originOf, readPieces } from '../../files/content.ts';
import type { FileOrigin } from '../../files/file-origin.ts';
import type { WalkEntry } from '../../files/walk.ts';
import type { ToolParts } from '../tool.ts';
import { openJudged } from './place.ts';

/** The origin of a file that a grant of the run is for, read and hashed; undefined without one. */
export async function grantedOrigin(
  parts: Pick<ToolParts, 'allow' | 'piped' | 'grants' | 'limits'>,
  { judged, realPath }: Pick<WalkEntry, 'judged' | 'realPath'>,
  call: { readonly run: string; readonly signal: AbortSignal },
): Promise<FileOrigin | undefined> {
  if (!parts.grants.byContent || !parts.grants.names(call.run, realPath)) return undefined;
  const file = await openJudged(parts, judged);
  try {
    // Of one that large only lines can be shared.
    if (file.stat.size > parts.limits.file_bytes) return undefined;
    const sha256 = await readPieces(file, { maxBytes: parts.limits.file_bytes, signal: call.signal });
    return originOf(parts.allow, file, sha256);
  } finally {
    await file.handle.close();
  }
}
