// Undo: takes back the changes of a run, a job or an earlier undo, newest first. Each is judged by what is there now: only what is as the
// change left it is taken back, and what is as before it already is left alone, so that an undo that was killed can simply be done again.
import { createHash } from 'node:crypto';
import { create } from '@bufbuild/protobuf';
import { timestampFromMs } from '@bufbuild/protobuf/wkt';
import { type FileEffect, FileEffectSchema } from '../../../gen/bowline/approval/v1/approval_pb.ts';
import { UndoState, type UndoStep, UndoStepSchema } from '../../../gen/bowline/local/v1/local_pb.ts';
import { AppError } from '../../base/errors.ts';
import { newId } from '../../base/ids.ts';
import type { Logger } from '../../base/logger.ts';
import { toFailure } from '../../contract/errors.ts';
import type { Allowlist } from '../allowlist/allowlist.ts';
import type { Blobs } from '../journal/blobs.ts';
import type { ChangeBook, KeptChange } from '../journal/change-book.ts';
import { isDiffable, textDiff } from '../tools/fs/change/text-diff.ts';
import type { KeptChanges } from './kept-changes.ts';
import { inverseOf, type TakeBackParts, takeBack } from './take-back.ts';
import { isIn, NOTHING, type Present, pathsOf, UndoPlaces } from './undo-places.ts';

export interface UndoParts {
  /** What is denied now. */
  readonly allow: () => Allowlist;
  readonly book: Pick<ChangeBook, 'list'>;
  readonly changes: Pick<KeptChanges, 'inLine' | 'keepUndo' | 'temporaries'>;
  readonly blobs: Pick<Blobs, 'pieces' | 'names'>;
  readonly log: Logger;
}

export interface UndoTarget {
  /** Id of the run or the undo whose changes these are. */
  readonly run: string;
  /** Newest first. */
  readonly changes: readonly KeptChange[];
}

/** @param target id of a run, an undo or a job, or the beginning or end of a run's. @throws CHANGES_UNKNOWN, CHANGES_AMBIGUOUS */
export function changesToUndo(book: Pick<ChangeBook, 'list'>, target: string): UndoTarget {
  const all = book.list().reverse();
  const job = all.filter(({ record }) => record.job === target);
  const part = target.toLowerCase();
  const isMeant = (run: string) => run.startsWith(part) || run.endsWith(part);
  const whole = all.filter(({ record }) => record.run === target);
  const changes = [job, whole].find(({ length }) => length > 0) ?? all.filter(({ record }) => isMeant(record.run));
  const [run, ...more] = new Set(changes.map(({ record }) => record.run));
  if (run === undefined) throw new AppError('CHANGES_UNKNOWN', { id: target });
  const runs = [run, ...more].slice(0, 4).join(', ');
  if (more.length > 0) throw new AppError('CHANGES_AMBIGUOUS', { id: target, runs });
  return { run, changes };
}

/** Changes that were taken back, and not done again by undoing that. */
function takenBack(book: Pick<ChangeBook, 'list'>): Set<number> {
  const taken = new Set<number>();
  // What takes something back comes after it.
  for (const { sequence, record } of book.list().reverse())
    if (record.undoes !== 0n && !taken.has(sequence)) taken.add(Number(record.undoes));
  return taken;
}

export class Undoing {
  readonly #parts: UndoParts;

  constructor(parts: UndoParts) {
    this.#parts = parts;
  }

  /** What an undo would do. Nothing is changed. Errors: see changesToUndo. */
  async preview(target: string, signal: AbortSignal): Promise<{ run: string; steps: UndoStep[] }> {
    const { run, changes } = changesToUndo(this.#parts.book, target);
    const places = new UndoPlaces(this.#parts.allow(), signal);
    const steps: UndoStep[] = [];
    const blocked = new Set<string>();
    for (const [n, change] of changes.entries()) {
      const one = { change, older: changes.slice(n + 1) };
      steps.push(await stepOf(this.#parts, one, places, blocked, async () => UndoState.POSSIBLE));
    }
    return { run, steps };
  }

  /**
   * Does it. Errors: see changesToUndo.
   * @param only the changes that the owner was shown; none: all
   * @returns the id under which it can be undone; empty when nothing was changed
   */
  async undo(target: string, only: readonly bigint[], signal: AbortSignal): Promise<{ id: string; steps: UndoStep[] }> {
    const { changes: kept, blobs } = this.#parts;
    const allow = this.#parts.allow();
    const { changes } = changesToUndo(this.#parts.book, target);
    const wanted = changes.filter(({ sequence }) => only.length === 0 || only.includes(BigInt(sequence)));
    const id = newId();
    const steps: UndoStep[] = [];
    const blocked = new Set<string>();
    for (const [n, change] of wanted.entries()) {
      const call = { key: `undo/${id}/${change.sequence}`, run: id, job: `${id}/0/${steps.length}` };
      const keep: TakeBackParts['keep'] = (effect, content) => kept.keepUndo(call, effect, content, change.sequence);
      const act = async () => {
        await takeBack({ allow, blobs, signal, temporaries: kept.temporaries, keep }, change);
        return UndoState.DONE;
      };
      const places = new UndoPlaces(allow, signal);
      const one = { change, older: wanted.slice(n + 1) };
      const step = () => stepOf(this.#parts, one, places, blocked, act);
      steps.push(await kept.inLine(pathsOf(change.record.effect!), step));
    }
    return { id: steps.some(({ state }) => state === UndoState.DONE) ? id : '', steps };
  }
}

/** @param blocked paths that changed since: what came before on them cannot be taken back either */
async function stepOf(
  parts: UndoParts,
  { change, older }: { readonly change: KeptChange; readonly older: readonly KeptChange[] },
  places: UndoPlaces,
  blocked: Set<string>,
  act: () => Promise<UndoState>,
): Promise<UndoStep> {
  const effect = change.record.effect!;
  const told = { change: BigInt(change.sequence), job: change.record.job, changeTime: timestampFromMs(change.at) };
  const inverse = inverseOf(effect);
  const ended = (state: UndoState, more: Partial<UndoStep> = {}) => {
    if (state !== UndoState.NOTHING_TO_DO) for (const path of pathsOf(effect)) blocked.add(path);
    return create(UndoStepSchema, { ...told, effect: inverse, state, ...more });
  };
  try {
    if (pathsOf(effect).some((path) => blocked.has(path))) return ended(UndoState.CHANGED_SINCE);
    const [here, there] = await presentOf([change, ...older], places);
    if (!isAsLeft(effect, here, there)) {
      if (takenBack(parts.book).has(change.sequence)) return ended(UndoState.NOTHING_TO_DO);
      const before = there ? isIn(effect.before, here.state) && !there.state : wasThere(change, older, here);
      return ended(before ? UndoState.NOTHING_TO_DO : UndoState.CHANGED_SINCE);
    }
    const restored = await restoredText(parts, change, here);
    if (restored === 'NOT_KEPT') return ended(UndoState.NOT_KEPT);
    const shown = await withDiff(withNames(inverse, here), here, restored);
    const state = await act();
    plan(effect, places, { here, text: restored });
    return create(UndoStepSchema, { ...told, effect: shown, state });
  } catch (error) {
    const since = error instanceof AppError && SINCE.has(error.reason);
    return ended(since ? UndoState.CHANGED_SINCE : UndoState.FAILED, { failure: toFailure(error, parts.log) });
  }
}

/** Whether what is there is what was there before the change, or before one that led to it: then all of them are taken back. */
function wasThere({ record: { effect } }: KeptChange, older: readonly KeptChange[], here: Present): boolean {
  if (isIn(effect!.before, here.state)) return true;
  for (const { record } of older) {
    const { realPath, toRealPath, before } = record.effect!;
    if (toRealPath !== '' && [realPath, toRealPath].includes(effect!.realPath)) return false;
    if (realPath === effect!.realPath && isIn(before, here.state)) return true;
  }
  return false;
}

/** Something else came meanwhile, or into a folder. */
const SINCE: ReadonlySet<string> = new Set(['FILE_CHANGED', 'FOLDER_NOT_EMPTY', 'PLACE_TAKEN', 'NOT_A_FILE']);

/** What is at the place of the first change, and, for a move, where it went. @param changes with those before it */
async function presentOf(
  changes: readonly KeptChange[],
  places: UndoPlaces,
): Promise<readonly [Present, Present | undefined]> {
  const { realPath, path, toRealPath, toPath } = changes[0]!.record.effect!;
  const states = changes.flatMap(({ record: { effect } }) => [effect?.before, effect?.after]);
  const most = Math.max(...states.map((state) => Number(state?.bytes ?? 0)));
  const here = await places.look(realPath, path, most);
  return [here, toRealPath === '' ? undefined : await places.look(toRealPath, toPath, most)];
}

const isAsLeft = ({ after }: FileEffect, here: Present, there: Present | undefined): boolean =>
  there ? !here.state && isIn(after, there.state) : isIn(after, here.state);

/** The text that comes back; undefined where there is none, or it is too long to be shown. */
async function restoredText(
  { blobs }: UndoParts,
  { record }: KeptChange,
  here: Present,
): Promise<Uint8Array | undefined | 'NOT_KEPT'> {
  const { before, toRealPath, after } = record.effect!;
  if (!before || before.folder || before.linkTarget !== '' || toRealPath !== '') return undefined;
  if (before.bytes === 0n) return new Uint8Array();
  if (record.blob !== '') {
    if (!blobs.names().includes(record.blob)) return 'NOT_KEPT';
    if (before.bytes > SHOWN_BYTES) return undefined;
    const pieces: Buffer[] = [];
    for await (const piece of blobs.pieces(record.blob)) pieces.push(Buffer.from(piece));
    return Buffer.concat(pieces);
  }
  if (!after || after.bytes < before.bytes) return 'NOT_KEPT';
  const text = here.text?.subarray(0, Number(before.bytes));
  const same = !text || Buffer.compare(createHash('sha256').update(text).digest(), before.sha256) === 0;
  return same ? text : 'NOT_KEPT';
}

const SHOWN_BYTES = 4 << 20;

/** With the other names that what is there has by now. */
const withNames = (inverse: FileEffect, { state }: Present): FileEffect =>
  inverse.before && inverse.toRealPath === ''
    ? create(FileEffectSchema, { ...inverse, before: { ...inverse.before, otherNames: state?.otherNames ?? 0 } })
    : inverse;

async function withDiff(inverse: FileEffect, here: Present, restored: Uint8Array | undefined): Promise<FileEffect> {
  const [old, now] = [here.text ?? new Uint8Array(), restored ?? new Uint8Array()];
  const shown = (inverse.before === undefined || here.text) && (inverse.after === undefined || restored);
  if (!shown || inverse.toRealPath !== '' || !isDiffable(old) || !isDiffable(now)) return inverse;
  const { diff, linesCut } = await textDiff(old, now);
  return create(FileEffectSchema, { ...inverse, diff, diffLinesCut: BigInt(linesCut) });
}

function plan(
  effect: FileEffect,
  places: UndoPlaces,
  { here, text }: { here: Present; text: Uint8Array | undefined },
): void {
  if (effect.toRealPath !== '') places.planMove(effect.toRealPath, effect.realPath);
  else places.plan(effect.realPath, effect.before ? { state: effect.before, text: text ?? here.text } : NOTHING, here);
}
