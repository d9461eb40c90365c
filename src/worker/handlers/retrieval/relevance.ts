// How much of a query a passage holds, by the weight of its words: the floor below which a passage answers nothing. Pure.
import { documentTerms, type QueryTerm } from './passages/terms.ts';

/** Share of a query's weight below which a passage is not about it. Judged by `make bench ONLY=answers`. */
const FLOOR = 0.45;
/** Share of the words alone that will do, however common they are. */
const MOST_WORDS = 0.6;
/** A pair of letters that no passage has is seldom a word: most pairs of a Chinese question lie between two. */
const UNKNOWN_PAIR = 0.25;
/** A word that is nearly the same: another ending, a slip of the pen. */
const NEARLY = 0.7;
const NEAR_LETTERS = 5;
const LEAST_ALIKE = 0.6;
const DENSE = /^[^\p{ASCII}\p{Script=Latin}\p{Script=Cyrillic}\p{Script=Greek}]/u;

/** A term of a query with its weight. */
export interface WeighedTerm extends QueryTerm {
  readonly weight: number;
}

/** The terms with their weights; a term that no passage has weighs most. */
export function weighed(terms: readonly QueryTerm[], weightOf: (term: string) => number): WeighedTerm[] {
  const most = weightOf('');
  return terms.map((each) => {
    const weight = weightOf(each.term);
    return { ...each, weight: weight >= most && DENSE.test(each.term) ? weight * UNKNOWN_PAIR : weight };
  });
}

interface Told {
  readonly title: string;
  readonly headings: readonly string[];
  readonly text: string;
  readonly document: string;
}

/** Whether a passage, with what stands above it, holds enough of a query. */
export function holds(terms: readonly WeighedTerm[], { title, headings, text, document }: Told): boolean {
  const total = terms.reduce((sum, { weight }) => sum + weight, 0);
  const held = new Set(documentTerms([document, title, ...headings, text].join('\n')));
  let sum = 0;
  let whole = 0;
  for (const { term, prefix, weight } of terms) {
    if (held.has(term) || (prefix && begins(held, term))) {
      sum += weight;
      whole++;
    } else if (isNear(held, term)) sum += weight * NEARLY;
  }
  return sum >= FLOOR * total || whole >= MOST_WORDS * terms.length;
}

function begins(held: ReadonlySet<string>, term: string): boolean {
  for (const each of held) if (each.startsWith(term)) return true;
  return false;
}

function isNear(held: ReadonlySet<string>, term: string): boolean {
  if (term.length < NEAR_LETTERS || DENSE.test(term)) return false;
  for (const each of held) {
    const alike = each[0] === term[0] && Math.abs(each.length - term.length) <= 2 && each.length >= NEAR_LETTERS;
    if (alike && likeness(each, term) >= LEAST_ALIKE) return true;
  }
  return false;
}

/** Shared pairs of letters over all pairs (Dice 1945). */
function likeness(a: string, b: string): number {
  const pairs = new Map<string, number>();
  for (let at = 1; at < a.length; at++)
    pairs.set(a.slice(at - 1, at + 1), (pairs.get(a.slice(at - 1, at + 1)) ?? 0) + 1);
  let both = 0;
  for (let at = 1; at < b.length; at++) {
    const left = pairs.get(b.slice(at - 1, at + 1)) ?? 0;
    if (left === 0) continue;
    pairs.set(b.slice(at - 1, at + 1), left - 1);
    both++;
  }
  return (2 * both) / (a.length + b.length - 2);
}
