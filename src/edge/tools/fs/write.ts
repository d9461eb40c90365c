// fs.Write: replaces one exact file atomically: temporary file, sync, rename, sync of the folder.
import { randomBytes } from 'node:crypto';
import { constants } from 'node:fs';
import { type FileHandle, link, lstat, open, rename, unlink } from 'node:fs/promises';
import { basename, dirname } from 'node:path';
import { create } from '@bufbuild/protobuf';
import {
  FsService,
  WriteMode,
  type WriteRequest,
  WriteResponseSchema,
} from '../../../../gen/bowline/capability/fs/v1/fs_pb.ts';
import { AppError } from '../../../base/errors.ts';
import { type JudgedPath, refused } from '../../allowlist/judge-path.ts';
import { pathOf } from '../../allowlist/open-file.ts';
import type { EdgeTool, ToolParts } from '../tool.ts';
import { fileInfo } from './file-info.ts';

export function writeTool(parts: ToolParts): EdgeTool {
  const turns = new Turns();
  return {
    method: FsService.method.write,
    prepare(message, call) {
      const request = message as WriteRequest;
      const judged = parts.allow.judgeWrite(request.path);
      return async (emit) => {
        const { created, stat } = await turns.take(judged.path, () =>
          write(judged, request, parts.limits.file_bytes, call.signal),
        );
        await emit(create(WriteResponseSchema, { file: fileInfo(judged.name, stat), created }));
      };
    },
  };
}

/** One write of a file at a time: two that append at once would each write what the other had not read. */
class Turns {
  readonly #last = new Map<string, Promise<unknown>>();

  take<T>(path: string, act: () => Promise<T>): Promise<T> {
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

async function write(judged: JudgedPath, request: WriteRequest, maxBytes: number, signal: AbortSignal) {
  const folder = await openParent(judged);
  try {
    // On Linux the open folder itself is named, so that nobody can swap it in between.
    const at = process.platform === 'linux' ? `/proc/self/fd/${folder.fd}` : dirname(judged.path);
    const target = `${at}/${basename(judged.path)}`;
    const before = await lstat(target, { bigint: true }).catch(absent);
    if (before && !before.isFile()) throw before.isSymbolicLink() ? refused() : new AppError('NOT_A_FILE');
    const mode = request.mode === WriteMode.UNSPECIFIED ? WriteMode.CREATE : request.mode;
    if (before && mode === WriteMode.CREATE) throw new AppError('FILE_EXISTS');
    const head = before && mode === WriteMode.APPEND ? await contentOf(target, maxBytes) : Buffer.alloc(0);
    const content = Buffer.concat([head, Buffer.from(request.text)]);
    const temporary = `${at}/.bowline-${randomBytes(8).toString('hex')}.tmp`;
    const file = await make(temporary, before ? Number(before.mode & 0o777n) : 0o644);
    try {
      await file.writeFile(content);
      if (before) await file.chown(Number(before.uid), Number(before.gid)).catch(() => {});
      await file.sync();
      if (signal.aborted) throw new AppError('CANCELED');
      if (mode === WriteMode.CREATE) await linkNew(temporary, target);
      else await rename(temporary, target);
      await folder.sync();
      return { created: before === undefined, stat: await file.stat({ bigint: true }) };
    } catch (error) {
      throw failure(error);
    } finally {
      await unlink(temporary).catch(() => {});
      await file.close();
    }
  } finally {
    await folder.close();
  }
}

/** The entry's folder, which was a real path when the configuration was read and still must be. */
async function openParent(judged: JudgedPath): Promise<FileHandle> {
  const path = dirname(judged.path);
  const folder = await open(path, constants.O_RDONLY | constants.O_DIRECTORY | constants.O_NOFOLLOW).catch(
    (error: unknown) => {
      throw absent(error) ?? new AppError('FILE_NOT_FOUND');
    },
  );
  const real = await pathOf(folder, path).catch(() => '');
  if (real === path) return folder;
  await folder.close();
  throw refused();
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

async function contentOf(path: string, maxBytes: number): Promise<Buffer> {
  const file = await open(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK).catch(
    (error: unknown) => {
      throw failure(error);
    },
  );
  try {
    const { size } = await file.stat();
    if (size > maxBytes) throw new AppError('FILE_TOO_LARGE');
    return await file.readFile();
  } finally {
    await file.close();
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

function absent(error: unknown): undefined {
  if (codeOf(error) === 'ENOENT') return undefined;
  throw failure(error);
}

function failure(error: unknown): AppError {
  if (error instanceof AppError) return error;
  const full = ['ENOSPC', 'EDQUOT', 'EFBIG'].includes(String(codeOf(error)));
  return full
    ? new AppError('DISK_FULL', { what: 'the file' }, { cause: error })
    : new AppError('FILE_UNREADABLE', {}, { cause: error });
}
