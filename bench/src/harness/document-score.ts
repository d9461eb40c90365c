// How much of a document's true text was found, and how much of what was found is true. Pure.

/** Both from 0 to 1; undefined where there is nothing that it could be a part of. */
export interface Score {
  readonly found: number | undefined;
  readonly precision: number | undefined;
}

/** By runs of four words, as the public benchmark of article extraction counts: each run as often as it stands in both. */
export const scoreArticle = (truth: string, text: string): Score => compare(runs(truth), runs(plain(text)));

/** By letters and digits, whatever their order: readers differ in the order of what stands side by side. */
export const scoreLetters = (truth: string, text: string): Score =>
  compare(count(letters(truth)), count(letters(text)));

/** By words, whatever their order: tells of words that grew together or were cut. */
export const scoreWords = (truth: string, text: string): Score => compare(count(words(truth)), count(words(text)));

/** Letters that there are to find. */
export const lettersIn = (text: string): number => letters(text).length;

type Counts = ReadonlyMap<string, number>;

function compare(truth: Counts, text: Counts): Score {
  let both = 0;
  for (const [part, times] of text) both += Math.min(times, truth.get(part) ?? 0);
  const of = (all: number) => (all === 0 ? undefined : both / all);
  return { found: of(sum(truth)), precision: of(sum(text)) };
}

const sum = (counts: Counts): number => [...counts.values()].reduce((a, b) => a + b, 0);

function count(parts: readonly string[]): Counts {
  const counts = new Map<string, number>();
  for (const part of parts) counts.set(part, (counts.get(part) ?? 0) + 1);
  return counts;
}

const RUN = 4;

function runs(text: string): Counts {
  const all = text.match(/[\p{L}\p{N}_]+/gu) ?? [];
  if (all.length === 0) return new Map();
  const last = Math.max(0, all.length - RUN);
  return count(Array.from({ length: last + 1 }, (_, at) => all.slice(at, at + RUN).join(' ')));
}

/** Markdown without what is no word of the text: where links lead, and signs before signs. */
const plain = (markdown: string): string =>
  markdown.replace(/\]\([^()\s]*\)/g, ']').replace(/\\(?=[^\w\s])|\\(?=_)/g, '');

/** Ligatures and wide forms as the letters that they are. */
const letters = (text: string): string[] => text.normalize('NFKC').match(/[\p{L}\p{N}]/gu) ?? [];

const words = (text: string): string[] => text.normalize('NFKC').match(/[\p{L}\p{N}]+/gu) ?? [];
