// Reads an open file in pieces, within the limit and until the call is cancelled, and says where what was read comes from.
import { createHash } from 'node:crypto';
import { AppError } from '../../base/errors.ts';
import type { Allowlist } from '../allowlist/allowlist.ts';
import type { OpenFile } from '../allowlist/open-file.ts';
import type { FileOrigin } from './file-origin.ts';
import { toldSize } from './size-class.ts';

/** So little that what is done with a piece takes a few milliseconds. */
const PIECE_BYTES = 32 << 10;

export interface ReadBounds {
  readonly maxBytes: number;
  /** What sets `maxBytes`; default: `limits.file_bytes`. */
  readonly setting?: 'limits.file_bytes' | 'limits.search_bytes';
  /** Of a document, which is held whole while it is read; default: `maxBytes`. */
  readonly documentBytes?: number;
  readonly signal: AbortSignal;
}

/**
 * Gives each piece of a file to every receiver, and returns the SHA-256 of exactly what they were given. A piece is theirs only
 * during the call. @throws FILE_TOO_LARGE, FILE_CHANGED when it grows meanwhile, FILE_UNREADABLE, what the receivers throw, why the call ended
 */
export async function readPieces(
  { handle, stat }: OpenFile,
  { maxBytes, setting = 'limits.file_bytes', signal }: ReadBounds,
  ...receivers: readonly ((piece: Uint8Array) => void)[]
): Promise<Uint8Array> {
  if (stat.size > maxBytes) throw new AppError('FILE_TOO_LARGE', { limit: maxBytes, setting });
  const buffer = Buffer.allocUnsafe(Math.min(PIECE_BYTES, Number(stat.size) + 1));
  const hash = createHash('sha256');
  for (let at = 0; ; ) {
    signal.throwIfAborted();
    const { bytesRead } = await handle.read(buffer, 0, buffer.length, at).catch((cause: unknown) => {
      throw new AppError('FILE_UNREADABLE', {}, { cause });
    });
    if (bytesRead === 0) return hash.digest();
    at += bytesRead;
    if (at > stat.size) throw new AppError('FILE_CHANGED');
    const piece = buffer.subarray(0, bytesRead);
    hash.update(piece);
    for (const receive of receivers) receive(piece);
  }
}

/** The origin of what was made from a file; `sha256` is of exactly what was read, undefined when nothing was. */
export function originOf(allow: Allowlist, file: OpenFile, sha256: Uint8Array | undefined): FileOrigin {
  return {
    kind: 'file',
    name: file.judged.name,
    realPath: file.realPath,
    device: file.stat.dev,
    inode: file.stat.ino,
    sha256,
    sizeClass: toldSize(allow, file.realPath, file.stat),
  };
}
