// fs.Write: one file becomes another text, atomically.
import { createHash } from 'node:crypto';
import { create } from '@bufbuild/protobuf';
import { FileAction, type FileEffect, FileEffectSchema } from '../../../../gen/bowline/approval/v1/approval_pb.ts';
import {
  FsService,
  WriteMode,
  type WriteRequest,
  WriteResponseSchema,
} from '../../../../gen/bowline/capability/fs/v1/fs_pb.ts';
import { AppError } from '../../../base/errors.ts';
import type { AllowedWrite } from '../../allowlist/allowlist.ts';
import { readPieces } from '../../files/content.ts';
import type { EdgeTool, ToolCallContext, ToolParts } from '../tool.ts';
import { stateOf } from './change/file-effect.ts';
import { contentOf, copyAll, modeAfter, putFile } from './change/new-file.ts';
import { OldText } from './change/old-text.ts';
import { changeOf, type OpenChange } from './change/open-change.ts';
import type { OwnTexts } from './change/own-texts.ts';
import { type ChangeTarget, folderOf, openTarget } from './change/target.ts';
import { fileInfo, fileNow } from './file-info.ts';

const NEWLINE = 10;

export function writeTool(parts: ToolParts): EdgeTool {
  const { ownTexts: own } = parts;
  const added = new Added(parts.limits.file_bytes);
  return {
    method: FsService.method.write,
    prepare(message, call) {
      const request = message as WriteRequest;
      const judged = parts.allow.judgeWrite(request.path);
      const open = (purpose: 'show' | 'work') => openWrite(parts, request, judged, call, { added, own, purpose });
      return changeOf(parts, call, [judged], open);
    },
  };
}

interface WriteParts {
  readonly added: Added;
  readonly own: OwnTexts;
  readonly purpose: 'show' | 'work';
}

async function openWrite(
  parts: ToolParts,
  request: WriteRequest,
  judged: AllowedWrite,
  call: ToolCallContext,
  { added, own, purpose }: WriteParts,
): Promise<OpenChange> {
  const { signal } = call;
  const text = Buffer.from(request.text);
  const appends = request.mode === WriteMode.APPEND;
  const target = await openTarget(parts.allow, judged);
  try {
    const { before, named } = target;
    const old = new OldText();
    let last: number | undefined = NEWLINE;
    const effect = await effectOf(target, request, text, signal, (piece) => {
      last = piece.at(-1) ?? last;
      if (purpose === 'show') old.receive(piece);
    });
    // What follows a masked value on its line could end its mask.
    const hidesAll = !appends || last === NEWLINE || text[0] === NEWLINE;
    if (appends) added.judge(judged.path, text.length);
    return {
      effect,
      diff: () => (appends ? old.followedBy(text) : old.replacedBy(text)),
      // What is added to is still there.
      content: before && !appends ? contentOf(before, signal) : undefined,
      act: async (ready) => {
        if (appends) added.count(judged.path, text.length);
        else added.forget(judged.path);
        const stat = await putFile(target, {
          fill: async (file) => {
            if (before && appends) await copyAll(before.handle, file, signal);
            await file.writeFile(text);
          },
          sha256: effect.after!.sha256,
          mode: effect.after!.mode,
          signal,
          temporaries: parts.changes.temporaries,
          ready,
        });
        const after = effect.after!.sha256;
        if (!appends) own.wrote(call, target.realPath, after);
        parts.grants.followChange(call.run, target.realPath, effect.before?.sha256, fileNow(stat, after), hidesAll);
        const file = fileInfo(parts.allow, named.name, named.path, stat);
        return create(WriteResponseSchema, { file, created: before === undefined });
      },
      close: target.close,
    };
  } catch (error) {
    await target.close();
    throw error;
  }
}

/** @param receive gets what is there now, in pieces. @throws FILE_EXISTS */
async function effectOf(
  { before, named, realPath, folder }: ChangeTarget,
  { mode }: WriteRequest,
  text: Uint8Array,
  signal: AbortSignal,
  receive: (piece: Uint8Array) => void,
): Promise<FileEffect> {
  if (before && (mode === WriteMode.CREATE || mode === WriteMode.UNSPECIFIED)) throw new AppError('FILE_EXISTS');
  const after = createHash('sha256');
  const appends = before && mode === WriteMode.APPEND;
  const feed = appends ? (piece: Uint8Array) => void after.update(piece) : () => {};
  const sha256 =
    before &&
    (await readPieces({ ...folder, ...before }, { maxBytes: Number(before.stat.size), signal }, feed, receive));
  after.update(text);
  return create(FileEffectSchema, {
    action: before ? FileAction.CHANGE : FileAction.CREATE,
    path: named.name,
    realPath,
    ...(before && sha256 ? { before: stateOf(before.stat, sha256) } : {}),
    after: {
      sha256: after.digest(),
      bytes: BigInt(text.length) + (appends ? before.stat.size : 0n),
      mode: modeAfter(before?.stat),
    },
    ...folderOf({ folder }),
  });
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

  /** @throws LIMIT_EXCEEDED */
  judge(path: string, bytes: number): number {
    const total = (this.#bytes.get(path) ?? 0) + bytes;
    if (total <= this.#limit) return total;
    throw new AppError('LIMIT_EXCEEDED', {
      what: 'what was appended to this file since the start of the edge',
      limit: this.#limit,
      setting: 'limits.file_bytes in config.yaml',
    });
  }

  count(path: string, bytes: number): void {
    this.#bytes.set(path, this.judge(path, bytes));
  }

  forget(path: string): void {
    this.#bytes.delete(path);
  }
}
