// fs.Edit: exact replacements in a text file. Whether a text is in a file is told only of files that the run may read whole. A yes to the
// very lines that change covers the reading for the work: it may come long after the share is over, and tells the run nothing.
import { createHash } from 'node:crypto';
import { create } from '@bufbuild/protobuf';
import {
  type Effect as ApprovalEffect,
  FileAction,
  FileEffectSchema,
} from '../../../../gen/bowline/approval/v1/approval_pb.ts';
import { type EditRequest, EditResponseSchema, FsService } from '../../../../gen/bowline/capability/fs/v1/fs_pb.ts';
import { AppError } from '../../../base/errors.ts';
import type { AllowedWrite } from '../../allowlist/allowlist.ts';
import { originOf, readPieces } from '../../files/content.ts';
import { type Cover, valuesIn } from '../../grants/grants.ts';
import type { EdgeTool, ToolCallContext, ToolParts } from '../tool.ts';
import { editedText } from './change/edit-text.ts';
import { stateOf } from './change/file-effect.ts';
import { contentOf, modeAfter, putFile } from './change/new-file.ts';
import { changeOf, type OpenChange } from './change/open-change.ts';
import type { OwnTexts } from './change/own-texts.ts';
import { type ChangeTarget, folderOf, openTarget } from './change/target.ts';
import { isDiffable, textDiff } from './change/text-diff.ts';
import { fileInfo, fileNow } from './file-info.ts';

export function editTool(parts: ToolParts): EdgeTool {
  return {
    method: FsService.method.edit,
    prepare(message, call) {
      const request = message as EditRequest;
      const judged = parts.allow.judgeWrite(request.path);
      return changeOf(parts, call, [judged], (_, shown) =>
        openEdit(parts, { request, judged, shown }, call, parts.ownTexts),
      );
    },
  };
}

interface ToEdit {
  readonly request: EditRequest;
  readonly judged: AllowedWrite;
  /** What a yes was given to; undefined where nobody had to be asked, or is asked now. */
  readonly shown: ApprovalEffect | undefined;
}

async function openEdit(
  parts: ToolParts,
  { request, judged, shown }: ToEdit,
  call: ToolCallContext,
  own: OwnTexts,
): Promise<OpenChange> {
  const target = await openTarget(parts.allow, judged);
  try {
    const { before, named, realPath } = target;
    // The same whether or not there is such a file, and whatever is in it: only who may read it is told.
    const unreadable = new AppError(shown ? 'APPROVAL_CHANGED' : 'EDIT_NEEDS_GRANT');
    if (!before) throw unreadable;
    const { text, sha256 } = await textOf(parts, target, call, unreadable);
    const cover = wholeCover(parts, target, call, sha256);
    const isOwn = own.holds(call, realPath, sha256);
    const readable = cover !== undefined || isOwn;
    if (shown ? !isTextOf(shown, sha256) : !readable) throw unreadable;
    if (!isDiffable(text)) throw new AppError('NOT_TEXT');
    // Of a text that it gave whole it knows every letter.
    const values = isOwn ? 'exact' : cover ? valuesIn(cover) : 'masked';
    const placesIn = (of: Uint8Array) => parts.texts.maskedPlaces(values, of);
    const hidden = placesIn(text);
    const edit = (places: typeof hidden) =>
      editedText(text, request.edits, parts.limits.file_bytes, { places, placesIn });
    // What was shown may have been worked out while its values were shared, too; it is compared with what comes of this.
    const edited = await edit(hidden).catch((error: unknown) => {
      if (shown && hidden.length > 0) return edit([]);
      throw error;
    });
    const after = createHash('sha256').update(edited.text).digest();
    const mode = modeAfter(before.stat);
    return {
      effect: create(FileEffectSchema, {
        action: FileAction.CHANGE,
        path: named.name,
        realPath,
        before: stateOf(before.stat, sha256),
        after: { sha256: after, bytes: BigInt(edited.text.length), mode },
        ...folderOf(target),
      }),
      diff: () => textDiff(text, edited.text),
      content: contentOf(before, call.signal),
      act: async (ready) => {
        const fill = (file: { writeFile(bytes: Uint8Array): Promise<void> }) => file.writeFile(edited.text);
        const { temporaries } = parts.changes;
        const { signal } = call;
        const stat = await putFile(target, { fill, sha256: after, mode, signal, temporaries, ready });
        // Of what it may not read any more it does not know every letter.
        if (readable && hidden.length === 0) own.wrote(call, realPath, after);
        parts.grants.followChange(call.run, realPath, sha256, fileNow(stat, after), edited.hidesAll);
        const origin = originOf(parts.allow, { ...target.folder, ...before, stat, realPath, judged: named }, after);
        const file = call.origins.set(fileInfo(parts.allow, named.name, realPath, stat), origin);
        return call.origins.set(create(EditResponseSchema, { file, replaced: edited.replaced }), origin);
      },
      close: target.close,
    };
  } catch (error) {
    await target.close();
    throw error;
  }
}

/** What is there. @throws `unreadable` where there is too much: how large it is, is told to nobody who may not read it */
async function textOf(
  { limits }: ToolParts,
  { folder, before, named, realPath }: ChangeTarget,
  call: ToolCallContext,
  unreadable: AppError,
): Promise<{ text: Uint8Array; sha256: Uint8Array }> {
  const file = { ...folder, ...before, realPath, judged: named };
  const pieces: Buffer[] = [];
  const bounds = { maxBytes: limits.file_bytes, signal: call.signal };
  const sha256 = await readPieces(file, bounds, (piece) => void pieces.push(Buffer.from(piece))).catch(
    (error: unknown) => {
      throw error instanceof AppError && error.reason === 'FILE_TOO_LARGE' ? unreadable : error;
    },
  );
  return { text: Buffer.concat(pieces), sha256 };
}

/** What shares all of it for the run. */
function wholeCover(
  { allow, grants }: ToolParts,
  { folder, before, named, realPath }: ChangeTarget,
  { run, recipient }: ToolCallContext,
  sha256: Uint8Array,
): Cover | undefined {
  const file = { ...folder, ...before, realPath, judged: named };
  const cover = grants.covers({ ...originOf(allow, file, sha256), run, recipient });
  return typeof cover !== 'string' && cover.lines === undefined ? cover : undefined;
}

/** Whether the change that was shown was worked out from this very text. */
const isTextOf = ({ effect }: ApprovalEffect, sha256: Uint8Array): boolean =>
  effect.case === 'file' && Buffer.compare(effect.value.before?.sha256 ?? new Uint8Array(), sha256) === 0;
