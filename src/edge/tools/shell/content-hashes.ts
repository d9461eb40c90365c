// SHA-256 of what open files hold, in pieces and remembered: a program is asked about again and again, and some are a hundred megabytes.

import { createHash } from 'node:crypto';
import type { BigIntStats } from 'node:fs';
import type { FileHandle } from 'node:fs/promises';
import { dropOldest } from '../../../base/drop-oldest.ts';
import { AppError } from '../../../base/errors.ts';

/** What an open file held, and the state in which it held that. */
export interface HashedContent {
  readonly stat: BigIntStats;
  /** Empty for a folder and for what is larger than is read. */
  readonly sha256: Uint8Array;
}

const PIECE_BYTES = 256 << 10;
/** Files that are remembered. */
const MOST = 256;

/** Any change of the content changes this: nobody but root sets the time of the last change of an inode. */
export const versionOf = ({ dev, ino, size, mtimeNs, ctimeNs }: BigIntStats): string =>
  [dev, ino, size, mtimeNs, ctimeNs].join(':');

export class ContentHashes {
  readonly #known = new Map<string, Uint8Array>();
  readonly #maxBytes: number;

  /** @param maxBytes larger files are not read */
  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
  }

  /** @throws FILE_CHANGED when it changes meanwhile, FILE_UNREADABLE, why `signal` aborted */
  async of(handle: FileHandle, signal: AbortSignal): Promise<HashedContent> {
    const stat = await handle.stat({ bigint: true });
    if (!stat.isFile() || stat.size > this.#maxBytes) return { stat, sha256: new Uint8Array() };
    const version = versionOf(stat);
    const known = this.#known.get(version);
    if (known) return { stat, sha256: known };
    const sha256 = await hashOf(handle, stat.size, signal);
    if (versionOf(await handle.stat({ bigint: true })) !== version) throw new AppError('FILE_CHANGED');
    // What was changed a moment ago may change once more within what the file system's clock tells apart.
    if (isSettled(stat)) this.#remember(version, sha256);
    return { stat, sha256 };
  }

  #remember(version: string, sha256: Uint8Array): void {
    this.#known.set(version, sha256);
    dropOldest(this.#known, MOST);
  }
}

const isSettled = ({ ctimeMs }: BigIntStats): boolean => Date.now() - Number(ctimeMs) > 2_000;

async function hashOf(handle: FileHandle, size: bigint, signal: AbortSignal): Promise<Uint8Array> {
  const hash = createHash('sha256');
  const buffer = Buffer.allocUnsafe(Math.min(PIECE_BYTES, Number(size) + 1));
  for (let at = 0; ; ) {
    signal.throwIfAborted();
    const { bytesRead } = await handle.read(buffer, 0, buffer.length, at).catch((cause: unknown) => {
      throw new AppError('FILE_UNREADABLE', {}, { cause });
    });
    if (bytesRead === 0) return hash.digest();
    at += bytesRead;
    if (at > size) throw new AppError('FILE_CHANGED');
    hash.update(buffer.subarray(0, bytesRead));
  }
}
