// Takes out of a program's folder what it left there, after every process in it has ended. It follows no link: each folder is opened
// by itself and not as a link, and what is in it is looked at from there. Only regular files are read.
import { isUtf8 } from 'node:buffer';
import { constants, type Dirent } from 'node:fs';
import { type FileHandle, open, opendir } from 'node:fs/promises';
import type { MessageInitShape } from '@bufbuild/protobuf';
import {
  type FileSchema,
  type SkippedFileSchema,
  SkipReason,
} from '../../../../gen/bowline/capability/sandbox/v1/sandbox_pb.ts';
import type { Glob } from '../../../base/glob.ts';
import { MAX_PATH } from './relative-path.ts';

export interface LeftLimits {
  /** Bytes of all files that are given back. */
  readonly bytes: number;
  readonly files: number;
}

export interface LeftFiles {
  readonly files: MessageInitShape<typeof FileSchema>[];
  readonly skipped: MessageInitShape<typeof SkippedFileSchema>[];
}

/** Entries that are looked at, folders within folders, and entries in the list of what was skipped. */
const MAX_LOOKED_AT = 20_000;
const MAX_DEPTH = 16;
const MAX_SKIPPED = 128;

const FOLDER_FLAGS = constants.O_RDONLY | constants.O_DIRECTORY | constants.O_NOFOLLOW;
/** Not blocking: a pipe without a writer would keep its reader for ever. */
const FILE_FLAGS = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK;

/**
 * @param folder a path to the folder that cannot be changed, such as that of an open descriptor
 * @param except names at the top that are never given back
 */
export async function leftFiles(
  folder: string,
  globs: readonly Glob[],
  except: readonly string[],
  limits: LeftLimits,
): Promise<LeftFiles> {
  const walk = new Walk(globs, except, limits);
  if (globs.length > 0) await walk.enter(folder, []);
  return walk.result;
}

class Walk {
  readonly result: LeftFiles = { files: [], skipped: [] };
  readonly #globs: readonly Glob[];
  readonly #except: readonly string[];
  readonly #limits: LeftLimits;
  #bytes = 0;
  #looked = 0;

  constructor(globs: readonly Glob[], except: readonly string[], limits: LeftLimits) {
    this.#globs = globs;
    this.#except = except;
    this.#limits = limits;
  }

  async enter(folder: string, above: readonly string[]): Promise<void> {
    for (const { entry, name } of await this.#list(folder, above)) {
      const path = [...above, name];
      const whole = path.join('/');
      const meant = this.#globs.some((glob) => glob.matches(whole));
      const within = this.#globs.some((glob) => glob.reachesInto(whole));
      if ((!meant && !within) || (above.length === 0 && this.#except.includes(name))) continue;
      if (entry.isDirectory()) {
        if (within) await this.#descend(folder, entry, path);
      } else if (entry.isSymbolicLink()) this.#skip(path, SkipReason.SYMLINK);
      else if (meant && !entry.isFile()) this.#skip(path, SkipReason.SPECIAL);
      else if (meant && whole.length > MAX_PATH) this.#skip(path, SkipReason.NAME);
      else if (meant) await this.#keep(folder, entry, path);
    }
  }

  /** The entries whose names are text, in order; of a folder that is too large only some. */
  async #list(folder: string, above: readonly string[]) {
    const found: { readonly entry: Dirent<Buffer>; readonly name: string }[] = [];
    // The types of Node know no option for names as bytes here.
    const entries = (await opendir(folder, { encoding: 'buffer' as never })) as unknown as AsyncIterable<
      Dirent<Buffer>
    >;
    for await (const entry of entries) {
      if (++this.#looked > MAX_LOOKED_AT) {
        this.#skip(above, SkipReason.TOO_MANY);
        break;
      }
      const name = entry.name.toString();
      if (isUtf8(entry.name)) found.push({ entry, name });
      else if (this.#globs.some((glob) => glob.matches([...above, name].join('/'))))
        this.#skip([...above, name], SkipReason.NAME);
    }
    return found.sort((a, b) => Buffer.compare(a.entry.name, b.entry.name));
  }

  async #descend(folder: string, entry: Dirent<Buffer>, path: readonly string[]): Promise<void> {
    if (path.length > MAX_DEPTH) return this.#skip(path, SkipReason.TOO_MANY);
    const handle = await open(within(folder, entry), FOLDER_FLAGS).catch(() => undefined);
    if (!handle) return this.#skip(path, SkipReason.UNREADABLE);
    try {
      await this.enter(`/proc/self/fd/${handle.fd}`, path);
    } catch {
      this.#skip(path, SkipReason.UNREADABLE);
    } finally {
      await handle.close();
    }
  }

  async #keep(folder: string, entry: Dirent<Buffer>, path: readonly string[]): Promise<void> {
    const handle = await open(within(folder, entry), FILE_FLAGS).catch(() => undefined);
    if (!handle) return this.#skip(path, SkipReason.UNREADABLE);
    try {
      const { size } = await handle.stat();
      if (this.result.files.length >= this.#limits.files) this.#skip(path, SkipReason.TOO_MANY);
      else if (size > this.#limits.bytes - this.#bytes) this.#skip(path, SkipReason.TOO_LARGE);
      else {
        const data = await readAll(handle, size);
        this.#bytes += size;
        const body = isUtf8(data)
          ? ({ case: 'text', value: data.toString() } as const)
          : ({ case: 'data', value: data } as const);
        this.result.files.push({ path: path.join('/'), body });
      }
    } catch {
      this.#skip(path, SkipReason.UNREADABLE);
    } finally {
      await handle.close();
    }
  }

  #skip(path: readonly string[], why: SkipReason): void {
    const { skipped } = this.result;
    if (skipped.length < MAX_SKIPPED) skipped.push({ path: path.join('/').slice(0, MAX_PATH).toWellFormed(), why });
  }
}

const within = (folder: string, { name }: Dirent<Buffer>): Buffer => Buffer.concat([Buffer.from(`${folder}/`), name]);

async function readAll(handle: FileHandle, size: number): Promise<Buffer> {
  const data = Buffer.alloc(size);
  let at = 0;
  while (at < size) {
    const { bytesRead } = await handle.read(data, at, size - at, at);
    if (bytesRead === 0) break;
    at += bytesRead;
  }
  return data.subarray(0, at);
}
