// What is now at the places that a change was about: on the disk, or, in a preview, as the steps before would have left it.
import { isUtf8 } from 'node:buffer';
import type { BigIntStats } from 'node:fs';
import { readlink } from 'node:fs/promises';
import { create } from '@bufbuild/protobuf';
import { type FileEffect, type FileState, FileStateSchema } from '../../../gen/bowline/approval/v1/approval_pb.ts';
import { AppError } from '../../base/errors.ts';
import type { AllowedWrite, Allowlist } from '../allowlist/allowlist.ts';
import { contains } from '../config/config-places.ts';
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

const HOLDS_NOTHING: ReadonlySet<string> = new Set(['FILE_NOT_FOUND', 'NOT_A_FOLDER']);

/** A place by its real path: its folder must be exactly there, without links. What is denied stays so. */
export function placeOfChange(realPath: string, name: string): AllowedWrite {
  const root = { name, path: realPath, realPath, readable: false };
  const entry = { realPath, folder: false, confirm: 'always' as const };
  return { root, relative: '', name, path: realPath, entry, entryName: 'undo' };
}

/** Opens it for a change. Errors: see openTarget. */
export const openPlaceOf = (allow: Allowlist, realPath: string, name: string): Promise<ChangeTarget> =>
  openTarget(allow, placeOfChange(realPath, name), 'links');

/** What a step before would have done: put something in a place, keeping what is below it or not, or moved something there. */
type Planned =
  | { readonly realPath: string; readonly present: Present; readonly isKept: boolean }
  | { readonly realPath: string; readonly from: string };

export class UndoPlaces {
  readonly #allow: Allowlist;
  readonly #signal: AbortSignal;
  readonly #planned: Planned[] = [];

  constructor(allow: Allowlist, signal: AbortSignal) {
    this.#allow = allow;
    this.#signal = signal;
  }

  /** From now on this counts as what is there. @param was what is there before */
  plan(realPath: string, present: Present, was: Present): void {
    const isKept = was.state?.folder === true && present.state?.folder === true;
    this.#planned.unshift({ realPath, present, isKept });
  }

  /** From now on this counts as moved, with all that is below it. */
  planMove(from: string, to: string): void {
    this.#planned.unshift({ realPath: to, from });
  }

  /**
   * Errors: see openTarget; what is no folder, or not there, holds nothing.
   * @param most a file with more bytes is in no state that is asked about, and is not read
   */
  async look(realPath: string, name: string, most: number): Promise<Present> {
    let path = realPath;
    for (const planned of this.#planned) {
      if ('from' in planned) {
        if (contains(planned.from, path)) return NOTHING;
        if (contains(planned.realPath, path)) path = planned.from + path.slice(planned.realPath.length);
      } else if (path === planned.realPath) return planned.present;
      else if (!planned.isKept && contains(planned.realPath, path)) return NOTHING;
    }
    return this.#onDisk(path, name, most);
  }

  async #onDisk(realPath: string, name: string, most: number): Promise<Present> {
    let target: ChangeTarget;
    try {
      target = await openPlaceOf(this.#allow, realPath, name);
    } catch (error) {
      if (error instanceof AppError && HOLDS_NOTHING.has(error.reason)) return NOTHING;
      throw error;
    }
    try {
      const { before, folder } = target;
      if (!before || target.realPath !== realPath) return NOTHING;
      if (before.stat.isDirectory()) return { state: stateOf(before.stat), text: undefined };
      if (before.stat.isSymbolicLink()) return { state: await linkState(target.path, before.stat), text: undefined };
      if (before.stat.size > most) return { state: stateOf(before.stat), text: undefined };
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

async function linkState(path: string, stat: BigIntStats): Promise<FileState> {
  const leads = await readlink(path, 'buffer');
  // One that is no UTF-8 is like no other: no target that a change kept has a NUL in it.
  const linkTarget = isUtf8(leads) ? leads.toString() : `\0${leads.toString('hex')}`;
  return create(FileStateSchema, { ...stateOf(stat), mode: 0, linkTarget });
}

/** Whether a place is in a state, whichever inode holds it. */
export function isIn(state: FileState | undefined, present: FileState | undefined): boolean {
  if (!state || !present) return state === present;
  if (state.linkTarget !== '' || present.linkTarget !== '') return state.linkTarget === present.linkTarget;
  if (state.folder || present.folder) return state.folder === present.folder && state.mode === present.mode;
  return state.mode === present.mode && Buffer.compare(state.sha256, present.sha256) === 0;
}

/** A state without its inode: what will be there has none yet. */
export const stateToBe = (state: FileState): FileState => create(FileStateSchema, { ...state, device: 0n, inode: 0n });

/** Real paths of what a change was about. */
export const pathsOf = ({ realPath, toRealPath }: FileEffect): string[] =>
  toRealPath === '' ? [realPath] : [realPath, toRealPath];
