// Masks a whole text, piece by piece, before anything of it is cut, searched, counted or edited: the secrets of this box that are known, in
// all their forms, and what is said to be a secret by its name and form. No line comes or goes. Pure.
import type { Masker } from '../secrets/masker.ts';
import { placesOfValues, type TextPlace } from './secret-values.ts';

/**
 * What of a text is masked. `exact`: nothing, because no word of it leaves. `meant`: the secrets of this box alone, because its other values
 * are shared on purpose. `masked`: both.
 */
export type ValuesSeen = 'exact' | 'meant' | 'masked';

/** What is masked in one text. */
export interface Hidden {
  /** Of the secrets that are known; undefined where there are none. */
  readonly known: Pick<Masker, 'scan'> | undefined;
  readonly values: ValuesSeen;
}

/** Where a masked value stands: from `start` to before `end`, in bytes. */
export interface MaskedPlace extends TextPlace {
  /** Of the secret; undefined for what only looks like one. */
  readonly name: string | undefined;
}

/** Bytes without a line end that are gone through at once; what looks like a value across such a place may be missed, a known secret not. */
const MOST_HELD = 16 << 10;

/** Takes a text piece by piece, as UTF-8, and gives it on with masks. */
export class ValueMask {
  readonly #receive: (piece: Uint8Array) => void;
  readonly #hidden: Hidden;
  #count = 0;
  #held: Uint8Array = new Uint8Array();
  /** What of the held bytes belongs to a value whose beginning is masked already. */
  #covered: MaskedPlace | undefined;
  #isLineBegin = true;

  constructor(receive: (piece: Uint8Array) => void, hidden: Hidden) {
    this.#receive = receive;
    this.#hidden = hidden;
  }

  add(piece: Uint8Array): void {
    if (isNothing(this.#hidden)) this.#receive(piece);
    else this.#pass(this.#held.length === 0 ? piece : Buffer.concat([this.#held, piece]), false);
  }

  /** How many values were masked that only look like secrets: those that the owner may mean to share. */
  end(): number {
    this.#pass(this.#held, true);
    return this.#count;
  }

  #pass(bytes: Uint8Array, isLast: boolean): void {
    if (bytes.length === 0) return;
    const text = latin1(bytes);
    const { found, hold } = knownIn(bytes, this.#hidden);
    const to = isLast ? text.length : this.#goneThrough(text, hold);
    this.#held = Buffer.from(bytes.subarray(to));
    if (to === 0) return;
    const before = this.#covered ? [this.#covered] : [];
    const places = joined([
      ...before,
      ...found.filter(({ start }) => start < to),
      ...looksIn(text.slice(0, to), this.#hidden),
    ]);
    this.#count += places.filter(({ name }) => name === undefined).length;
    this.#give(text, to, places);
    const last = places.at(-1);
    this.#covered = last && last.end > to ? { ...last, start: 0, end: last.end - to } : undefined;
  }

  /** What looks like a value is seen in whole lines; a known secret may be longer. */
  #goneThrough(text: string, hold: number): number {
    if (this.#hidden.values !== 'masked') return hold;
    const lines = text.slice(0, hold).lastIndexOf('\n') + 1;
    return hold - lines > MOST_HELD ? hold : lines;
  }

  #give(text: string, to: number, places: readonly MaskedPlace[]): void {
    const parts: string[] = [];
    let at = 0;
    for (const place of places) {
      const end = Math.min(place.end, to);
      const isBegun = place.start === 0 && this.#covered !== undefined && !this.#isLineBegin;
      parts.push(text.slice(at, place.start), inLines(text.slice(place.start, end), place, isBegun));
      at = end;
    }
    parts.push(text.slice(at, to));
    this.#isLineBegin = isLineEnd(text, to - 1);
    this.#receive(Buffer.from(parts.join(''), 'latin1'));
  }
}

/** Where the mask of a whole text covers something, in order. */
export const maskedPlaces = (text: Uint8Array, hidden: Hidden): MaskedPlace[] =>
  isNothing(hidden) ? [] : joined([...knownIn(text, hidden).found, ...looksIn(latin1(text), hidden)]);

const isNothing = ({ known, values }: Hidden): boolean => values === 'exact' || (values === 'meant' && !known);

const knownIn = (bytes: Uint8Array, { known, values }: Hidden): ReturnType<Masker['scan']> =>
  (values !== 'exact' && known?.scan(bytes)) || { found: [], hold: bytes.length };

const looksIn = (text: string, { values }: Hidden): MaskedPlace[] =>
  values === 'masked' ? placesOfValues(text).map((place) => ({ ...place, name: undefined })) : [];

/** In order; what overlaps is one, so that the end of one value never stands behind the mask of another. */
function joined(places: readonly MaskedPlace[]): MaskedPlace[] {
  const all: MaskedPlace[] = [];
  for (const place of places.toSorted((a, b) => a.start - b.start)) {
    const last = all.at(-1);
    if (!last || place.start >= last.end) all.push(place);
    else all[all.length - 1] = { ...last, end: Math.max(last.end, place.end), name: last.name ?? place.name };
  }
  return all;
}

/** A mask in each line that a value has something of. All that is looked for is ASCII or bytes, so that each byte may stand for a letter. */
function inLines(covered: string, { name }: MaskedPlace, isBegun: boolean): string {
  const mask = name === undefined ? '***' : `***${name}***`;
  return covered.replaceAll(/[^\r\n]+/g, (_, at) => (at === 0 && isBegun ? '' : mask));
}

const isLineEnd = (text: string, at: number): boolean => text[at] === '\n' || text[at] === '\r';

const latin1 = (bytes: Uint8Array): string =>
  Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('latin1');
