// The words of a passage as the text of a Postgres tsvector. Each carries how much it counts there in the weight of its position;
// the rarity of a word is known only when it is searched for.
import { documentTerms } from './terms.ts';

/** The usual constants of BM25 (Robertson & Zaragoza 2009), and the number of words of a middling passage. */
const K1 = 1.2;
const B = 0.75;
const MIDDLE = 150;
/** A passage shorter than this counts as so long: a heading alone is not what answers. */
const SHORT = 75;

/** What the weights D, C, B and A of a tsvector stand for; BM25's part for the frequency of a word lies between 0 and 2.2. */
const STEPS = [
  ['D', 0.6],
  ['C', 1.0],
  ['B', 1.4],
  ['A', 1.8],
] as const;

/** The weights D, C, B, A for `ts_rank`, which takes none above 1. */
export const RANK_WEIGHTS = `{${STEPS.map(([, value]) => (value / 1.8).toFixed(4)).join(',')}}`;

/**
 * The tsvector of a passage and of what stands above it. Every word begins with `prefix`, that of its collection, so that a
 * search never walks through words of others. Bounded by the size of a passage.
 */
export function wordVector(prefix: string, texts: readonly string[]): string {
  const counts = new Map<string, number>();
  let length = 0;
  for (const text of texts) {
    for (const term of documentTerms(text)) {
      counts.set(term, (counts.get(term) ?? 0) + 1);
      length++;
    }
  }
  const damping = K1 * (1 - B + (B * Math.max(length, SHORT)) / MIDDLE);
  const lexemes: string[] = [];
  for (const [term, count] of counts) lexemes.push(`${lexeme(prefix, term)}:1${weightOf(count, damping)}`);
  return lexemes.join(' ');
}

/** A word of a tsvector or tsquery, quoted. */
export const lexeme = (prefix: string, term: string): string => `'${prefix}${term.replace(/['\\]/g, '$&$&')}'`;

function weightOf(count: number, damping: number): string {
  const value = (count * (K1 + 1)) / (count + damping);
  let [best] = STEPS as readonly (readonly [string, number])[];
  for (const step of STEPS) if (Math.abs(step[1] - value) < Math.abs(best![1] - value)) best = step;
  return best![0];
}
