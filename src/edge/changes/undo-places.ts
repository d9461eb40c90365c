// What is now at the places that a change was about: on the disk, or, in a preview, as the steps before would have left it.
import { create } from '@bufbuild/protobuf';
import { type FileEffect, type FileState, FileStateSchema } from '../../../gen/bowline/approval/v1/approval_pb.ts';
import { AppError } from '../../base/errors.ts';
import type { AllowedWrite, Allowlist } from '../allowlist/allowlist.ts';
import { readPieces } from '../files/content.ts';
import { stateOf } from '../tools/fs/change/file-effect.ts';
import { type ChangeTarget, openTarget } from '../tools/fs/change/target.ts';

/** Of larger files no difference is shown. */
const TEXT_BYTES = 4 << 20;

export interface Present {
  /** Undefined: nothing is there. */
  readonly state: FileState | undefined;
  /** Its content, as far as a difference is made of it. */
  readonly text: Uint8Array | undefined;
}

export const NOTHING: Present = { state: undefined, text: undefined };

/** A place by its real path: its folder must be exactly there, without links. What is denied stays so. */
export function placeOfChange(realPath: string, name: string): AllowedWrite {
  const root = { name, path: realPath, realPath, readable: false };
  const entry = { realPath, folder: false, confirm: 'always' as const };
  return { root, relative: '', name, path: realPath, entry, entryName: 'undo' };
}

/** Opens it for a change. Errors: see openTarget. */
export const openPlaceOf = (allow: Allowlist, realPath: string, name: string): Promise<ChangeTarget> =>
  openTarget(allow, placeOfChange(realPath, name), true);

export class UndoPlaces {
  readonly #allow: Allowlist;
  readonly #signal: AbortSignal;
  readonly #planned = new Map<string, Present>();

  constructor(allow: Allowlist, signal: AbortSignal) {
    this.#allow = allow;
    this.#signal = signal;
  }

  /** From now on this counts as what is there. */
  plan(realPath: string, present: Present): void {
    this.#planned.set(realPath, present);
  }

  /** Errors: see openTarget; a folder that is not there holds nothing. */
  async look(realPath: string, name: string): Promise<Present> {
    return this.#planned.get(realPath) ?? (await this.#onDisk(realPath, name));
  }

  async #onDisk(realPath: string, name: string): Promise<Present> {
    let target: ChangeTarget;
    try {
      target = await openPlaceOf(this.#allow, realPath, name);
    } catch (error) {
      if (error instanceof AppError && error.reason === 'FILE_NOT_FOUND') return NOTHING;
      throw error;
    }
    try {
      const { before, folder } = target;
      if (!before || target.realPath !== realPath) return NOTHING;
      if (before.stat.isDirectory()) return { state: stateOf(before.stat), text: undefined };
      const pieces: Buffer[] = [];
      const keep = before.stat.size <= TEXT_BYTES;
      const bounds = { maxBytes: Number(before.stat.size), signal: this.#signal };
      const receive = (piece: Uint8Array) => void (keep && pieces.push(Buffer.from(piece)));
      const sha256 = await readPieces({ ...folder, ...before }, bounds, receive);
      return { state: stateOf(before.stat, sha256), text: keep ? Buffer.concat(pieces) : undefined };
    } finally {
      await target.close();
    }
  }
}

/** Whether a place is in a state, whichever inode holds it. */
export function isIn(state: FileState | undefined, present: FileState | undefined): boolean {
  if (!state || !present) return state === present;
  if (state.folder || present.folder) return state.folder === present.folder && state.mode === present.mode;
  return state.mode === present.mode && Buffer.compare(state.sha256, present.sha256) === 0;
}

/** A state without its inode: what will be there has none yet. */
export const stateToBe = (state: FileState): FileState => create(FileStateSchema, { ...state, device: 0n, inode: 0n });

/** Real paths of what a change was about. */
export const pathsOf = ({ realPath, toRealPath }: FileEffect): string[] =>
  toRealPath === '' ? [realPath] : [realPath, toRealPath];
