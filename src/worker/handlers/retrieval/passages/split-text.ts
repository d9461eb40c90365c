// Cuts running text that is too large for one passage: at sentences where it can, else at lines, words, letters. Neighbouring
// pieces overlap, because here nothing in the text says where a thought ends.
import { tokensIn } from './tokens.ts';

export interface CutText {
  readonly start: number;
  readonly end: number;
}

export interface SplitSizes {
  /** Tokens that a piece should not exceed. */
  readonly target: number;
  /** Tokens at the end of a piece that the next one begins with, at most. */
  readonly overlap: number;
}

/** Where a piece may end, from the best place to the worst. The ideographic marks end a sentence without a space. */
const SENTENCE = /[.!?…]{1,16}["'”’)\]]{0,16}(?=\s)|[。！？；｡]{1,16}["'”’」』）】]{0,16}|\n[ \t\r]{0,64}\n/gu;
const LINE = /\n/gu;
const WORD = /\s+|[，、,;:：]/gu;
const JOINING = /^(?:[\udc00-\udfff]|\u200d|\p{M})/u;
const LEVELS = { prose: [SENTENCE, LINE, WORD], lines: [LINE, WORD] } as const;

/** Pieces that cover the text between two offsets, in order; each begins behind the start of the one before. */
export function splitText(
  text: string,
  start: number,
  end: number,
  cut: keyof typeof LEVELS,
  sizes: SplitSizes,
): CutText[] {
  const atoms = atomsOf(text, { start, end }, LEVELS[cut], sizes.target);
  const weights = atoms.map((atom) => tokensIn(text, atom.start, atom.end));
  const pieces: CutText[] = [];
  let first = 0;
  let tokens = 0;
  for (let at = 0; at < atoms.length; at++) {
    if (at > first && tokens + weights[at]! > sizes.target) {
      pieces.push({ start: atoms[first]!.start, end: atoms[at - 1]!.end });
      const back = backFrom(weights, at, first + 1, Math.min(sizes.overlap, sizes.target - weights[at]!));
      first = back.first;
      tokens = back.tokens;
    }
    tokens += weights[at]!;
  }
  if (atoms.length > 0) pieces.push({ start: atoms[first]!.start, end: atoms.at(-1)!.end });
  return pieces;
}

/** How far before the atom `at` a piece may begin within the overlap. */
function backFrom(weights: readonly number[], at: number, least: number, overlap: number) {
  let first = at;
  let tokens = 0;
  while (first > least && tokens + weights[first - 1]! <= overlap) tokens += weights[--first]!;
  return { first, tokens };
}

/** Stretches of at most `target` tokens, each ending at the best place there is. */
function atomsOf(text: string, whole: CutText, levels: readonly RegExp[], target: number): CutText[] {
  const [level, ...finer] = levels;
  const cuts = level ? cutAt(text, whole, level) : hardCuts(text, whole, target);
  if (!level) return cuts;
  return cuts.flatMap((piece) =>
    tokensIn(text, piece.start, piece.end) <= target ? [piece] : atomsOf(text, piece, finer, target),
  );
}

function cutAt(text: string, { start, end }: CutText, ends: RegExp): CutText[] {
  const pieces: CutText[] = [];
  let from = start;
  const search = new RegExp(ends.source, ends.flags);
  search.lastIndex = start;
  for (let match = search.exec(text); match && match.index < end; match = search.exec(text)) {
    const to = Math.min(match.index + match[0].length, end);
    if (to > from) pieces.push({ start: from, end: to });
    from = to;
  }
  if (from < end) pieces.push({ start: from, end });
  return pieces;
}

/** One endless word: cut between letters as people see them, as far as that can be told cheaply. */
function hardCuts(text: string, { start, end }: CutText, target: number): CutText[] {
  const pieces: CutText[] = [];
  let from = start;
  let tokens = 0;
  for (let at = start; at < end; at++) {
    const weight = tokensIn(text, at, at + 1);
    if (at > from && tokens + weight > target && mayCut(text, at)) {
      pieces.push({ start: from, end: at });
      from = at;
      tokens = 0;
    }
    tokens += weight;
  }
  pieces.push({ start: from, end });
  return pieces;
}

/** Not inside a surrogate pair, nor before or behind what joins letters (marks, variation selectors, ZWJ). */
function mayCut(text: string, at: number): boolean {
  const before = text.charCodeAt(at - 1);
  return before !== 0x200d && !JOINING.test(text.slice(at, at + 1));
}
