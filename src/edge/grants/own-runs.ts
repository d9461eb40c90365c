// Which runs this edge started and has no answer for, with the words of their asks, folded from the journal. A run that is
// not here (mesh, API, replay) gets nothing that depends on content.
import type { Ask } from '../../../gen/bowline/record/v1/record_pb.ts';
import { foldText } from '../../base/fold-text.ts';
import type { Entry, Fold } from '../journal/records.ts';

/** Different words of a run that may be searched for in files that are not shared. */
const MAX_TERMS = 20;
/** Characters of asks that are kept; the oldest go first, and with them only their searches. */
const MAX_CHARS = 1 << 20;

/** Characters of an ask in which its words are looked for. */
const MAX_LOOKED_AT = 8192;
/** Places where a term may stand as words that are all too short; further ones are not looked at. */
const MAX_PLACES = 16;

/** A term that may be searched for in files without a grant, as the words of the ask that make it up. */
export interface AllowedTerm {
  readonly term: string;
  readonly words: readonly string[];
}

/** Which terms may be searched for in files without a grant. */
export interface TermsVerdict {
  readonly allowed: readonly AllowedTerm[];
  /** Terms that do not stand in the ask. */
  readonly foreign: readonly string[];
  /** Terms with a word for which there is no room in a run. */
  readonly over: readonly string[];
}

export class OwnRuns implements Fold {
  readonly #runs = new Map<string, string>();
  readonly #grants = new Set<string>();
  /** Those whose owner is asked for content that no grant lets out. */
  readonly #asking = new Set<string>();
  #chars = 0;

  has(run: string): boolean {
    return this.#runs.has(run);
  }

  /** Whether its owner is there to be asked for content that no grant lets out. */
  asksToShare(run: string): boolean {
    return this.#asking.has(run);
  }

  /** Grants that were minted and have not ended, as the journal tells; at a start these are the ones of earlier starts. */
  get openGrants(): readonly string[] {
    return [...this.#grants];
  }

  /**
   * Judges terms by the ask alone, so that neither a restart nor a second call renews anything: of its words the longest may be
   * searched for, whole, and a term is as many of them as it holds. So one file answers at most 20 lookups in a run.
   */
  judgeTerms(run: string, terms: readonly string[]): TermsVerdict {
    const text = this.#runs.get(run);
    const allowed: AllowedTerm[] = [];
    const foreign: string[] = [];
    const over: string[] = [];
    const ask = text === undefined || terms.length === 0 ? undefined : new AskWords(text.slice(0, MAX_LOOKED_AT));
    for (const term of terms) {
      const words = ask?.wordsOf(foldText(term));
      if (!words) foreign.push(term);
      else if (words.some((word) => !ask!.searchable.has(word))) over.push(term);
      else allowed.push({ term, words });
    }
    return { allowed, foreign, over };
  }

  apply({ record }: Entry): void {
    switch (record.case) {
      case 'ask':
        if (record.value.ask) this.#add(record.value.ask, record.value.asksToShare);
        for (const { id } of record.value.grants) this.#grants.add(id);
        break;
      case 'grantMinted':
        // A standing one outlives its process.
        if (record.value.collection === '') this.#grants.add(record.value.id);
        break;
      case 'grantEnded':
        this.#grants.delete(record.value.id);
        break;
      case 'runAnswered':
      case 'cancel':
        this.#remove(record.value.run);
        break;
      case 'checkpoint':
        for (const { ask: stored } of record.value.asks) {
          if (stored?.ask && !this.#runs.has(stored.ask.run)) this.#add(stored.ask, stored.asksToShare);
        }
        break;
      default:
    }
  }

  #add({ run, text }: Ask, asksToShare: boolean): void {
    this.#remove(run);
    if (asksToShare) this.#asking.add(run);
    const folded = foldText(text);
    this.#runs.set(run, folded);
    this.#chars += folded.length;
    for (const [oldest] of this.#runs) {
      if (this.#chars <= MAX_CHARS || this.#runs.size === 1) break;
      this.#remove(oldest);
    }
  }

  #remove(run: string): void {
    const own = this.#runs.get(run);
    if (own === undefined) return;
    this.#runs.delete(run);
    this.#asking.delete(run);
    this.#chars -= own.length;
  }
}

/** The words of an ask, by Unicode's own rules for every script. */
class AskWords {
  readonly #text: string;
  /** Each word by the place where it begins. */
  readonly #words = new Map<number, string>();
  /** Where words begin, in order, and where they end. */
  readonly #starts: readonly number[];
  readonly #ends: ReadonlySet<number>;
  /** Those that may be searched for: the longest, in their order, and then pairs of lone Chinese characters. */
  readonly searchable: ReadonlySet<string>;

  constructor(text: string) {
    this.#text = text;
    for (const { segment, index, isWordLike } of segmenter().segment(text)) {
      if (isWordLike) this.#words.set(index, segment);
    }
    this.#starts = [...this.#words.keys()];
    this.#ends = new Set([...this.#words].map(([at, word]) => at + word.length));
    const distinct = [...new Set(this.#words.values())].filter((word) => length(word) >= 2);
    const longest = distinct.sort((a, b) => length(b) - length(a));
    const pairs = this.#pairsIn(0, text.length);
    this.searchable = new Set([...new Set([...longest, ...pairs])].slice(0, MAX_TERMS));
  }

  /**
   * The words, of two characters or more, of which a term consists where it stands in the ask from the beginning of one word to
   * the end of another. Undefined when it does not: a part of a word would let a caller spell out a file letter by letter. No list
   * of words has every Chinese name: its characters stand alone, and are looked for in pairs (王芳; 刘慈 and 慈欣).
   */
  wordsOf(term: string): readonly string[] | undefined {
    let looked = 0;
    if (term === '' || !this.#text.includes(term)) return undefined;
    for (const at of this.#starts) {
      const end = at + term.length;
      if (!this.#ends.has(end) || !this.#text.startsWith(term, at)) continue;
      const words = this.#wordsIn(at, end);
      if (words.length > 0) return words;
      if (++looked >= MAX_PLACES) return undefined;
    }
    return undefined;
  }

  /** Between the beginning of one word and the end of another all words are whole. */
  #wordsIn(start: number, end: number): string[] {
    const words: string[] = [];
    for (let index = this.#indexOf(start); index < this.#starts.length; index++) {
      const at = this.#starts[index]!;
      if (at >= end) break;
      const word = this.#words.get(at)!;
      if (length(word) >= 2) words.push(word);
    }
    return [...new Set([...words, ...this.#pairsIn(start, end)])];
  }

  /** Neighbours among words that are one Chinese character each, joined. */
  #pairsIn(start: number, end: number): string[] {
    const pairs: string[] = [];
    for (let index = this.#indexOf(start); index + 1 < this.#starts.length; index++) {
      const [at, next] = [this.#starts[index]!, this.#starts[index + 1]!];
      const [word, after] = [this.#words.get(at)!, this.#words.get(next)!];
      if (next + after.length > end) break;
      if (next === at + word.length && HAN.test(word) && HAN.test(after)) pairs.push(word + after);
    }
    return pairs;
  }

  /** The place of a beginning among all, halved until it is found. */
  #indexOf(start: number): number {
    let [low, high] = [0, this.#starts.length - 1];
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.#starts[middle]! < start) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}

/** Made when the first words are looked at: Unicode's tables take 2 MB, and a box that is never asked needs none. */
const segmenter = () => {
  known ??= new Intl.Segmenter('en', { granularity: 'word' });
  return known;
};
let known: Intl.Segmenter | undefined;
/** One Chinese character that is a word of its own. */
const HAN = /^\p{Script=Han}$/u;
const length = (word: string): number => [...word].length;
