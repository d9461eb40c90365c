// The features of a text that the lexical model counts: whole words and pieces of words, as hashes. Pure.
import { normalForm } from '../../../../base/normal-form.ts';

/** Writing without spaces between words, or (Hangul) with syllables that mean something alone: told by single signs and pairs. */
const SCRIPTS = ['Han', 'Hira', 'Kana', 'Bopo', 'Hang', 'Thai', 'Laoo', 'Khmr', 'Mymr'];
const UNSPACED = `[${SCRIPTS.map((script) => `\\p{scx=${script}}`).join('')}]`;
const LETTERS = '[\\p{L}\\p{M}\\p{N}]';
/** Runs of either kind; the first group holds those without spaces. */
const RUNS = new RegExp(`([${LETTERS}&&${UNSPACED}]+)|[${LETTERS}--${UNSPACED}]+`, 'gv');

/** Lengths of the pieces of a word, its two ends counting as signs. */
const SHORTEST = 3;
const LONGEST = 5;
/** What stands for the ends of a word; neither is a letter. */
const BEGIN = '\u0002';
const END = '\u0003';

/** Beginnings of the hashes, so that a word and a piece with the same letters are two features. */
const WORD = 0x811c9dc5;
const PIECE = 0x050c5d1f;
const SIGN = 0x1b873593;

/** How often each feature stands in a text, by its 32-bit hash. A text of nothing but other signs is one feature. */
export function featuresOf(text: string): ReadonlyMap<number, number> {
  const counts = new Map<number, number>();
  const folded = fold(text);
  for (const match of folded.matchAll(RUNS)) {
    if (match[1] === undefined) word(counts, match[0]);
    else unspaced(counts, match[0]);
  }
  if (counts.size === 0) count(counts, hashOf(WORD, folded.trim()));
  return counts;
}

/** The same letters however they are written: full width, ligatures, capitals, both forms of a sigma. */
const fold = (text: string): string =>
  normalForm(normalForm(text, 'NFKC').toLowerCase().replaceAll('ß', 'ss').replaceAll('ς', 'σ'), 'NFKC');

function word(counts: Map<number, number>, letters: string): void {
  count(counts, hashOf(WORD, letters));
  const signs = codePoints(`${BEGIN}${letters}${END}`);
  for (let start = 0; start + SHORTEST <= signs.length; start++) {
    let hash = PIECE;
    const end = Math.min(start + LONGEST, signs.length);
    for (let at = start; at < end; at++) {
      hash = step(hash, signs[at]!);
      if (at - start + 1 >= SHORTEST) count(counts, mixed(hash));
    }
  }
}

function unspaced(counts: Map<number, number>, letters: string): void {
  let before: number | undefined;
  for (const sign of codePoints(letters)) {
    const alone = step(SIGN, sign);
    count(counts, mixed(alone));
    if (before !== undefined) count(counts, mixed(step(before, sign)));
    before = alone;
  }
}

function codePoints(text: string): number[] {
  const all: number[] = [];
  for (let at = 0; at < text.length; at += all.at(-1)! > 0xffff ? 2 : 1) all.push(text.codePointAt(at)!);
  return all;
}

function count(counts: Map<number, number>, hash: number): void {
  counts.set(hash, (counts.get(hash) ?? 0) + 1);
}

function hashOf(begin: number, text: string): number {
  let hash = begin;
  for (let at = 0; at < text.length; at++) hash = step(hash, text.charCodeAt(at));
  return mixed(hash);
}

/** One step of FNV-1a (Fowler, Noll, Vo), over code points instead of bytes. */
const step = (hash: number, sign: number): number => Math.imul(hash ^ sign, 0x01000193);

/** The finalizer of MurmurHash3 (Appleby), so that every bit of the hash is as good as another. */
function mixed(hash: number): number {
  let h = hash;
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b);
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
  return h ^ (h >>> 16);
}
