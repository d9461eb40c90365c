// Which lines of a large file hold most of what is asked, so that a share of lines is told that helps. It looks on this machine, for its
// owner; nothing of what it reads leaves.
import { createReadStream } from 'node:fs';
import { createInterface } from 'node:readline';
import { foldText } from '../base/fold-text.ts';

/** Of a larger file the rest is not looked at. */
const MOST_BYTES = 64 << 20;
/** Words of the question that are looked for. */
const MOST_WORDS = 30;
/** Letters of a line that are looked at. */
const MOST_LETTERS = 4096;
/** Lines before and behind the one that fits best. */
const AROUND = 100;

export interface MatchingLines {
  readonly start: number;
  readonly end: number;
}

/** Undefined where no line has a word of the question, or the file cannot be read. */
export async function matchingLines(path: string, question: string): Promise<MatchingLines | undefined> {
  const words = wordsOf(question);
  const seen = words.map(() => 0);
  // The first line for each set of words.
  const firsts = new Map<string, { readonly found: readonly number[]; readonly line: number }>();
  let line = 0;
  try {
    const lines = createInterface({ input: createReadStream(path, { end: MOST_BYTES - 1 }) });
    for await (const text of lines) {
      line++;
      const folded = foldText(text.slice(0, MOST_LETTERS));
      const found = words.flatMap((word, at) => (folded.includes(word) ? [at] : []));
      for (const at of found) seen[at]!++;
      const set = found.join();
      if (set !== '' && !firsts.has(set)) firsts.set(set, { found, line });
    }
  } catch {
    return undefined;
  }
  // A word that few lines have tells more than one that many have.
  const worth = (found: readonly number[]) => found.reduce((sum, at) => sum + Math.log(1 + line / seen[at]!), 0);
  const [best] = [...firsts.values()].sort((a, b) => worth(b.found) - worth(a.found));
  return best && { start: Math.max(best.line - AROUND, 1), end: Math.min(best.line + AROUND, line) };
}

/** Words of two letters or more; a Chinese letter that stands alone is one, too. */
function wordsOf(question: string): string[] {
  const segments = new Intl.Segmenter(undefined, { granularity: 'word' }).segment(foldText(question));
  const words = [...segments].filter(({ isWordLike }) => isWordLike).map(({ segment }) => segment);
  return [...new Set(words)].filter((word) => word.length > 1 || /\p{Script=Han}/u.test(word)).slice(0, MOST_WORDS);
}
