// What is too long for the journal: one synced file each, named in a record: results in that of their outcome, what was piped into an
// ask in that of its grant. It owns its folder and nothing else; a blob without a record is garbage and goes at the next start.
import { randomUUID } from 'node:crypto';
import { join } from 'node:path';
import { AppError } from '../../base/errors.ts';
import { fixedLimit } from '../../base/fixed-limit.ts';
import { isDiskFull, systemCode } from '../../base/system-code.ts';
import type { FsPort } from './fs-port.ts';
import { nodeFs } from './node-fs.ts';

/** Results up to this stay in their record. */
export const INLINE_RESULT_BYTES = 64 << 10;

const TEMPORARY = '.tmp';

/** What blobs of a folder are called in errors, and what makes room. */
export interface BlobWords {
  readonly store: string;
  readonly one: string;
  readonly remedy: string;
}

export interface BlobOptions {
  /** Bytes of all blobs together; default 64 MiB. */
  readonly maxBytes?: number;
  /** Default: long results. */
  readonly words?: BlobWords;
}

const MAX_BYTES = 64 << 20;
const PIECE_BYTES = 64 << 10;
const RESULTS: BlobWords = {
  store: 'the store of long results',
  one: 'a long result',
  remedy: 'connect the device: what the control plane has taken makes room',
};

export class Blobs {
  readonly #dir: string;
  readonly #fs: FsPort;
  readonly #maxBytes: number;
  readonly #words: BlobWords;
  readonly #sizes: Map<string, number>;
  #used: number;

  constructor(
    dir: string,
    fs: FsPort,
    { maxBytes = MAX_BYTES, words = RESULTS }: BlobOptions,
    sizes: Map<string, number>,
  ) {
    this.#dir = dir;
    this.#fs = fs;
    this.#maxBytes = maxBytes;
    this.#words = words;
    this.#sizes = sizes;
    this.#used = [...sizes.values()].reduce((sum, size) => sum + size, 0);
  }

  /** Bytes of all blobs. */
  get bytes(): number {
    return this.#used;
  }

  /** Names of all blobs. */
  names(): string[] {
    return [...this.#sizes.keys()];
  }

  /** Resolves with the blob's name when it is on the disk. @throws LIMIT_EXCEEDED, DISK_FULL, JOURNAL_WRITE: nothing was kept */
  put(bytes: Uint8Array): Promise<string> {
    return this.putPieces(bytes.length, [bytes]);
  }

  /** The same of pieces, which are `size` bytes together. @throws FILE_CHANGED when they are not; what `put` throws */
  async putPieces(size: number, pieces: AsyncIterable<Uint8Array> | Iterable<Uint8Array>): Promise<string> {
    if (this.#used + size > this.#maxBytes) {
      throw fixedLimit(this.#words.store, `${this.#maxBytes} bytes`, this.#words.remedy);
    }
    const name = randomUUID();
    const path = join(this.#dir, name);
    this.#used += size;
    try {
      const file = await this.#fs.open(path + TEMPORARY, 'create');
      try {
        let written = 0;
        for await (const bytes of pieces) {
          const end = written + bytes.length;
          if (end > size) break;
          while (written < end) written += await file.write(bytes.subarray(bytes.length - (end - written)), written);
        }
        if (written !== size) throw new AppError('FILE_CHANGED');
        await file.datasync();
      } finally {
        await file.close();
      }
      await this.#fs.rename(path + TEMPORARY, path);
      await this.#fs.syncDir(this.#dir);
    } catch (error) {
      this.#used -= size;
      await this.#fs.unlink(path + TEMPORARY).catch(() => {});
      if (error instanceof AppError) throw error;
      if (isDiskFull(error)) throw new AppError('DISK_FULL', { what: this.#words.one }, { cause: error });
      throw new AppError('JOURNAL_WRITE', { problem: systemCode(error) }, { cause: error });
    }
    this.#sizes.set(name, size);
    return name;
  }

  /** The bytes of a blob; undefined when there is none of that name. */
  async get(name: string): Promise<Uint8Array | undefined> {
    const size = this.#sizes.get(name);
    if (size === undefined) return undefined;
    const file = await this.#fs.open(join(this.#dir, name), 'read');
    try {
      const bytes = new Uint8Array(size);
      return (await file.read(bytes, 0)) === size ? bytes : undefined;
    } finally {
      await file.close();
    }
  }

  /** The bytes of a blob in pieces. @throws FILE_NOT_FOUND when there is none of that name */
  async *pieces(name: string): AsyncGenerator<Uint8Array> {
    const size = this.#sizes.get(name);
    if (size === undefined) throw new AppError('FILE_NOT_FOUND');
    const file = await this.#fs.open(join(this.#dir, name), 'read');
    try {
      const buffer = new Uint8Array(Math.min(size, PIECE_BYTES));
      for (let at = 0; at < size; ) {
        const read = await file.read(buffer, at);
        if (read === 0) throw new AppError('FILE_CHANGED');
        at += read;
        yield buffer.subarray(0, read);
      }
    } finally {
      await file.close();
    }
  }

  /** Removes a blob, once no record that is still needed names it. */
  async remove(name: string): Promise<void> {
    const size = this.#sizes.get(name);
    if (size === undefined) return;
    this.#sizes.delete(name);
    this.#used -= size;
    await this.#fs.unlink(join(this.#dir, name));
  }

  /** Removes every blob that is not in `needed`. */
  async keep(needed: ReadonlySet<string>): Promise<void> {
    for (const name of this.names()) if (!needed.has(name)) await this.remove(name);
  }
}

/** Opens the folder of blobs. */
export async function openBlobs(dir: string, fs: FsPort = nodeFs, options: BlobOptions = {}): Promise<Blobs> {
  await fs.mkdir(dir);
  const sizes = new Map<string, number>();
  for (const name of await fs.list(dir)) {
    if (name.endsWith(TEMPORARY)) {
      await fs.unlink(join(dir, name));
      continue;
    }
    const file = await fs.open(join(dir, name), 'read');
    sizes.set(name, await file.size());
    await file.close();
  }
  return new Blobs(dir, fs, options, sizes);
}
