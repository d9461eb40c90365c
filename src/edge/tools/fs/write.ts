// fs.Write: replaces one exact file atomically: temporary file, sync, rename, sync of the folder.
import { randomBytes } from 'node:crypto';
import { type BigIntStats, constants } from 'node:fs';
import { type FileHandle, link, open, rename, unlink } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { create } from '@bufbuild/protobuf';
import {
  FsService,
  WriteMode,
  type WriteRequest,
  WriteResponseSchema,
} from '../../../../gen/bowline/capability/fs/v1/fs_pb.ts';
import { AppError } from '../../../base/errors.ts';
import { otherForm } from '../../../base/same-name.ts';
import { inRoot, type JudgedPath, refused } from '../../allowlist/judge-path.ts';
import { lookByName } from '../../allowlist/look-by-name.ts';
import { type Denials, placeOf } from '../../allowlist/open-beneath.ts';
import type { EdgeTool, PreparedCall, ToolParts } from '../tool.ts';
import { fileInfo } from './file-info.ts';

export function writeTool(parts: ToolParts): EdgeTool {
  const turns = new WriteLines();
  const added = new Added(parts.limits.file_bytes);
  return {
    method: FsService.method.write,
    prepare(message, call) {
      const request = message as WriteRequest;
      const judged = parts.allow.judgeWrite(request.path);
      const work: PreparedCall['work'] = async (emit) => {
        const { created, stat, named } = await turns.inLine(judged.path, () =>
          write(parts, judged, request, added, call.signal),
        );
        const file = fileInfo(parts.allow, named.name, named.path, stat);
        await emit(create(WriteResponseSchema, { file, created }));
      };
      const { entry } = judged;
      const show = () => Promise.reject(new AppError('CONFIRMATION_NEEDED'));
      return { work, change: { entry: `write ${judged.name}`, confirm: entry.confirm, show } };
    },
  };
}

/** One write of a file at a time: two that append at once would each write what the other had not read. */
class WriteLines {
  readonly #last = new Map<string, Promise<unknown>>();

  inLine<T>(path: string, act: () => Promise<T>): Promise<T> {
    const result = (this.#last.get(path) ?? Promise.resolve()).then(act);
    const settled = result
      .catch(() => undefined)
      .then(() => {
        if (this.#last.get(path) === settled) this.#last.delete(path);
      });
    this.#last.set(path, settled);
    return result;
  }
}

async function write(parts: ToolParts, judged: JudgedPath, request: WriteRequest, added: Added, signal: AbortSignal) {
  const folder = await parts.allow.openWriteFolder(judged);
  try {
    const { name, before } = await placeIn(placeOf(folder), basename(judged.path), parts.allow.denials);
    const target = `${placeOf(folder)}/${name}`;
    if (before && !before.isFile()) throw before.isSymbolicLink() ? refused() : new AppError('NOT_A_FILE');
    const mode = request.mode === WriteMode.UNSPECIFIED ? WriteMode.CREATE : request.mode;
    if (before && mode === WriteMode.CREATE) throw new AppError('FILE_EXISTS');
    const text = Buffer.from(request.text);
    if (mode === WriteMode.APPEND) added.count(judged.path, text.length);
    else added.forget(judged.path);
    const temporary = `${placeOf(folder)}/.bowline-${randomBytes(8).toString('hex')}.tmp`;
    const file = await make(temporary, before ? Number(before.mode & 0o777n) : 0o644);
    try {
      if (before && mode === WriteMode.APPEND) await copyInto(file, target, before, signal);
      await file.writeFile(text);
      if (before) await file.chown(Number(before.uid), Number(before.gid)).catch(() => {});
      await file.sync();
      if (signal.aborted) throw new AppError('CANCELED');
      if (mode === WriteMode.CREATE) await linkNew(temporary, target);
      else await rename(temporary, target);
      await folder.handle.sync().catch(unsynced);
      const { root, relative } = judged;
      const named = relative === '' ? judged : inRoot(root, join(dirname(relative), name));
      return { created: before === undefined, stat: await file.stat({ bigint: true }), named };
    } catch (error) {
      throw failure(error);
    } finally {
      await unlink(temporary).catch(() => {});
      await file.close();
    }
  } finally {
    await folder.handle.close();
  }
}

/** What has this name in a folder, in whatever form: then that is meant, and no second one is made beside it. */
async function placeIn(
  folder: string,
  asked: string,
  denials: Denials,
): Promise<{ name: string; before: BigIntStats | undefined }> {
  const look = (name: string) =>
    lookByName(`${folder}/${name}`, denials).catch((error: unknown) => {
      throw error instanceof AppError ? error : failure(error);
    });
  const exact = await look(asked);
  const other = exact ? undefined : await otherForm(folder, asked);
  if (other === undefined) return { name: asked, before: exact };
  return { name: other, before: await look(other) };
}

/**
 * What calls have appended to each file since the start. A bound on what is added, not on the size that comes of it: else adding
 * until a refusal would tell the size of a file that nobody shared.
 */
class Added {
  readonly #limit: number;
  readonly #bytes = new Map<string, number>();

  constructor(limit: number) {
    this.#limit = limit;
  }

  count(path: string, bytes: number): void {
    const total = (this.#bytes.get(path) ?? 0) + bytes;
    if (total > this.#limit) {
      throw new AppError('LIMIT_EXCEEDED', {
        what: 'what was appended to this file since the start of the edge',
        limit: this.#limit,
        setting: 'limits.file_bytes in config.yaml',
      });
    }
    this.#bytes.set(path, total);
  }

  forget(path: string): void {
    this.#bytes.delete(path);
  }
}

async function make(path: string, mode: number): Promise<FileHandle> {
  try {
    const file = await open(path, constants.O_RDWR | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW, mode);
    await file.chmod(mode);
    return file;
  } catch (error) {
    throw failure(error);
  }
}

const COPY_BYTES = 64 << 10;

/** What is there goes first, in pieces. @throws FILE_CHANGED when something else came into its place */
async function copyInto(to: FileHandle, path: string, before: BigIntStats, signal: AbortSignal): Promise<void> {
  const from = await open(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  try {
    const own = await from.stat({ bigint: true });
    if (own.dev !== before.dev || own.ino !== before.ino) throw new AppError('FILE_CHANGED');
    const buffer = Buffer.allocUnsafe(COPY_BYTES);
    for (;;) {
      if (signal.aborted) throw new AppError('CANCELED');
      const { bytesRead } = await from.read(buffer, 0, buffer.length, null);
      if (bytesRead === 0) return;
      await to.writeFile(buffer.subarray(0, bytesRead));
    }
  } finally {
    await from.close();
  }
}

/** `link` never replaces what came into being meanwhile. */
async function linkNew(from: string, to: string): Promise<void> {
  try {
    await link(from, to);
  } catch (error) {
    if (codeOf(error) === 'EEXIST') throw new AppError('FILE_EXISTS');
    throw error;
  }
}

const codeOf = (error: unknown): unknown => (error instanceof Error && 'code' in error ? error.code : undefined);

/** The file is there, whatever is wrong with the disk: never DISK_FULL, which says that nothing changed. */
function unsynced(cause: unknown): never {
  throw new AppError('FILE_UNREADABLE', {}, { cause });
}

function failure(error: unknown): AppError {
  if (error instanceof AppError) return error;
  const full = ['ENOSPC', 'EDQUOT', 'EFBIG'].includes(String(codeOf(error)));
  return full
    ? new AppError('DISK_FULL', { what: 'the file' }, { cause: error })
    : new AppError('FILE_UNREADABLE', {}, { cause: error });
}
