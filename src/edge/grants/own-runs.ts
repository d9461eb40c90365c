// Which runs this edge started and has no answer for, with the words of their asks, folded from the journal. A run that is
// not here (mesh, API, replay) gets nothing that depends on content.
import type { UserEvent } from '../../../gen/bowline/edge/v1/edge_pb.ts';
import type { Entry, Fold } from '../journal/records.ts';

/** Different words that a run may search for in files that are not shared. */
export const MAX_TERMS = 20;
/** Characters of asks that are kept; the oldest go first, and with them only their searches. */
const MAX_CHARS = 1 << 20;

interface OwnRun {
  readonly text: string;
  readonly used: Set<string>;
}

/** Which words may be searched for in files without a grant. */
export interface TermsVerdict {
  readonly allowed: readonly string[];
  /** Words that do not stand in the ask. */
  readonly foreign: readonly string[];
  /** Words for which there is no room left in this run. */
  readonly over: readonly string[];
}

export class OwnRuns implements Fold {
  readonly #runs = new Map<string, OwnRun>();
  readonly #grants = new Set<string>();
  #chars = 0;

  has(run: string): boolean {
    return this.#runs.has(run);
  }

  /** Grants that were minted and have not ended, as the journal tells; at a start these are the ones of earlier starts. */
  get openGrants(): readonly string[] {
    return [...this.#grants];
  }

  /** Judges words and counts the new ones among those that are allowed. */
  judgeTerms(run: string, terms: readonly string[]): TermsVerdict {
    const own = this.#runs.get(run);
    const allowed: string[] = [];
    const foreign: string[] = [];
    const over: string[] = [];
    for (const term of terms) {
      const folded = foldText(term);
      if (!own || !standsIn(folded, own.text)) foreign.push(term);
      else if (own.used.has(folded)) allowed.push(term);
      else if (own.used.size < MAX_TERMS) {
        own.used.add(folded);
        allowed.push(term);
      } else over.push(term);
    }
    return { allowed, foreign, over };
  }

  apply({ record }: Entry): void {
    switch (record.case) {
      case 'ask':
        if (record.value.event) this.#add(record.value.event);
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
        for (const { ask } of record.value.asks) if (ask?.event && !this.#runs.has(ask.event.run)) this.#add(ask.event);
        break;
      default:
    }
  }

  #add({ run, text }: UserEvent): void {
    this.#remove(run);
    const folded = foldText(text);
    this.#runs.set(run, { text: folded, used: new Set() });
    this.#chars += folded.length;
    for (const [oldest] of this.#runs) {
      if (this.#chars <= MAX_CHARS || this.#runs.size === 1) break;
      this.#remove(oldest);
    }
  }

  #remove(run: string): void {
    const own = this.#runs.get(run);
    if (!own) return;
    this.#runs.delete(run);
    this.#chars -= own.text.length;
  }
}

/** The form in which words are compared: composed, without regard to case. */
export const foldText = (text: string): string => text.normalize('NFC').toLowerCase();

const WORD = /[\p{L}\p{N}\p{M}_]/u;
/** Scripts that write without spaces between words. */
const UNSPACED = /[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}\p{Script=Thai}\p{Script=Lao}\p{Script=Khmer}]/u;

/**
 * Whether a term stands in a text as the owner wrote it: whole words, at least two characters. A part of a word would let
 * a caller spell out a file letter by letter. In scripts without spaces any two characters in a row count.
 */
function standsIn(term: string, text: string): boolean {
  if ([...term].length < 2 || term.trim() !== term) return false;
  for (let at = text.indexOf(term); at >= 0; at = text.indexOf(term, at + 1)) {
    if (edgeIsFree(text, at, at) && edgeIsFree(text, at + term.length, at + term.length)) return true;
  }
  return false;
}

/** Whether a word may begin or end between the characters before and after this offset. */
function edgeIsFree(text: string, end: number, start: number): boolean {
  const before = [...text.slice(Math.max(0, end - 2), end)].at(-1) ?? '';
  const after = String.fromCodePoint(text.codePointAt(start) ?? 0x20);
  if (!WORD.test(before) || !WORD.test(after)) return true;
  return UNSPACED.test(before) || UNSPACED.test(after);
}
