// The edits of one call, one after the other, in a text of which some places may be hidden from who edits. Pure.
import { setImmediate as breath } from 'node:timers/promises';
import type { TextEdit } from '../../../../../gen/bowline/capability/fs/v1/fs_pb.ts';
import { AppError } from '../../../../base/errors.ts';
import type { TextPlace } from '../../../files/secret-values.ts';
import { matchesOf, placesOf, replacedText, type VeiledText } from './replace-text.ts';

interface EditedText {
  readonly text: Uint8Array;
  readonly replaced: number;
  /** Whether what was hidden is masked in the new text, too. */
  readonly hidesAll: boolean;
}

/** What is hidden from who edits. */
export interface HiddenPlaces {
  /** Nothing is found in them: a guess of what stands there is as wrong as any other. */
  readonly places: readonly TextPlace[];
  /** What is masked in another text. */
  readonly placesIn: (text: Uint8Array) => readonly TextPlace[];
}

/**
 * @throws EDIT_NO_MATCH, EDIT_SEVERAL_MATCHES, FILE_TOO_LARGE
 */
export async function editedText(
  before: Uint8Array,
  edits: readonly TextEdit[],
  limit: number,
  hidden: HiddenPlaces,
): Promise<EditedText> {
  let text = before;
  let replaced = 0;
  let { places } = hidden;
  for (const [at, { oldText, newText, all }] of edits.entries()) {
    await breath();
    const [wanted, by] = [Buffer.from(oldText), Buffer.from(newText)];
    const veiled = veil(text, places);
    const count = matchesOf(veiled, wanted);
    if (count === 0) throw new AppError('EDIT_NO_MATCH', { edit: at + 1 });
    if (count > 1 && !all) throw new AppError('EDIT_SEVERAL_MATCHES', { edit: at + 1, count });
    if (text.length + count * (by.length - wanted.length) > limit)
      throw new AppError('FILE_TOO_LARGE', { limit, setting: 'limits.file_bytes' });
    await breath();
    places = moved(places, placesOf(veiled, wanted), by.length - wanted.length);
    text = replacedText(text, wanted, by, count, veiled);
    replaced += count;
  }
  return { text, replaced, hidesAll: places.length === 0 || covers(hidden.placesIn(text), places) };
}

function veil(text: Uint8Array, places: readonly TextPlace[]): VeiledText {
  if (places.length === 0) return text;
  const veiled = Int16Array.from(text);
  for (const { start, end } of places) veiled.fill(-1, start, end);
  return veiled;
}

/** Where places stand once what begins at `changed`, in order, is longer by `more` each. */
function moved(places: readonly TextPlace[], changed: Iterable<number>, more: number): readonly TextPlace[] {
  if (places.length === 0) return places;
  const starts = [...changed];
  let passed = 0;
  return places.map(({ start, end }) => {
    while (passed < starts.length && starts[passed]! < start) passed++;
    return { start: start + passed * more, end: end + passed * more };
  });
}

/** Whether each place is within one of these; both are in order. */
function covers(these: readonly TextPlace[], places: readonly TextPlace[]): boolean {
  let at = 0;
  return places.every(({ start, end }) => {
    while (at < these.length && these[at]!.end < end) at++;
    return at < these.length && these[at]!.start <= start;
  });
}
