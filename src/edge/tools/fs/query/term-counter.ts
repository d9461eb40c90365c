// Counts how often terms stand in a text that comes in pieces, literally and in any letter case. A term of letters is counted where it is a whole
// word, so that `todo` is not found in `mastodon`; writing without spaces has no such border. Pure; linear in the text, whatever the terms are;
// what is kept is bounded.
import { foldText } from '../../../../base/fold-text.ts';

/** Characters at the end of a piece that may still be joined to what follows. */
const JOINED = 64;

interface Term {
  readonly text: string;
  /** For each beginning of the term, its longest shorter beginning that it ends with (Knuth, Morris & Pratt). */
  readonly links: readonly number[];
  /** The next place of the text to look at, and how much of the term stands in front of it. */
  at: number;
  matched: number;
}

export class TermCounter {
  readonly #terms: readonly Term[];
  readonly #longest: number;
  #held = '';
  #folded = '';
  count = 0;

  constructor(terms: readonly string[]) {
    this.#terms = [...new Set(terms.map(foldText))].map((text) => ({ text, links: linksOf(text), at: 0, matched: 0 }));
    this.#longest = Math.max(0, ...this.#terms.map(({ text }) => text.length));
  }

  add(piece: string): void {
    const text = this.#held + piece;
    const cut = safeCut(text);
    this.#held = text.slice(cut);
    this.#folded += foldText(text.slice(0, cut));
    this.#look(false);
  }

  end(): void {
    this.#folded += foldText(this.#held);
    this.#held = '';
    this.#look(true);
  }

  #look(last: boolean): void {
    for (const term of this.#terms) this.#count(term, last);
    const keep = Math.max(0, Math.min(...this.#terms.map(({ at, matched }) => at - matched), this.#folded.length) - 2);
    if (keep < this.#longest + 1024) return;
    this.#folded = this.#folded.slice(keep);
    for (const term of this.#terms) term.at -= keep;
  }

  #count(term: Term, last: boolean): void {
    const text = this.#folded;
    const { length } = term.text;
    for (;;) {
      if (!find(term, text)) return;
      // Whether a word ends there is told by what follows.
      if (term.at >= text.length && !last) return;
      const whole = !joins(text, term.at - length) && !joins(text, term.at);
      if (whole) this.count++;
      term.matched = whole ? 0 : term.links[length - 1]!;
    }
  }
}

/** Goes on to the end of the next hit. What was compared is not compared again: hits that overlap would take quadratic time. */
function find(term: Term, text: string): boolean {
  const { length } = term.text;
  while (term.matched > 0 && term.matched < length) {
    if (term.at >= text.length) return false;
    if (text.charCodeAt(term.at) === term.text.charCodeAt(term.matched)) {
      term.at++;
      term.matched++;
    } else term.matched = term.links[term.matched - 1]!;
  }
  if (term.matched === length) return true;
  const hit = text.indexOf(term.text, term.at);
  term.at = hit < 0 ? Math.max(term.at, text.length - length + 1) : hit + length;
  term.matched = hit < 0 ? 0 : length;
  return hit >= 0;
}

function linksOf(term: string): number[] {
  const links = [0];
  for (let at = 1, matched = 0; at < term.length; at++) {
    while (matched > 0 && term[at] !== term[matched]) matched = links[matched - 1]!;
    if (term[at] === term[matched]) matched++;
    links.push(matched);
  }
  return links;
}

/** Letters and digits of writing that has spaces between words. */
const WORDY = /^[\p{L}\p{N}_]$/u;
const UNSPACED =
  /^[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}\p{Script=Thai}\p{Script=Lao}\p{Script=Khmer}\p{Script=Myanmar}]$/u;

/** What was told of the signs of one unit: a hit asks for two of them at each end, and a text may be nothing but hits. 1 is no, 2 is yes. */
const told = new Uint8Array(0x1_0000);

function isWordy(code: number): boolean {
  const known = told[code];
  if (known) return known === 2;
  const sign = String.fromCodePoint(code);
  const wordy = WORDY.test(sign) && !UNSPACED.test(sign);
  // Beyond its end an entry is not kept.
  told[code] = wordy ? 2 : 1;
  return wordy;
}

/** Whether the signs before and behind a place are of one word. */
function joins(text: string, at: number): boolean {
  if (at <= 0 || at >= text.length) return false;
  return isWordy(text.codePointAt(isLow(text, at - 1) ? at - 2 : at - 1) ?? 0) && isWordy(text.codePointAt(at) ?? 0);
}

const isLow = (text: string, at: number): boolean => at > 0 && (text.charCodeAt(at) & 0xfc00) === 0xdc00;

/** A place near the end where nothing that follows is joined to what is before: in front of a plain letter. */
function safeCut(text: string): number {
  for (let at = text.length - 1; at > 0 && at >= text.length - JOINED; at--) {
    if (text.charCodeAt(at) < 128) return at;
  }
  return Math.max(0, text.length - JOINED) - (isLow(text, Math.max(0, text.length - JOINED)) ? 1 : 0);
}
