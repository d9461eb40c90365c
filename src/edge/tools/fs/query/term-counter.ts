// Counts how often terms stand in a text that comes in pieces, literally and in any letter case. A term of letters is counted where it is a whole
// word, so that `todo` is not found in `mastodon`; writing without spaces has no such border. Pure; what is kept is bounded.
import { foldText } from '../../../../base/fold-text.ts';

/** Characters at the end of a piece that may still be joined to what follows. */
const JOINED = 64;

export class TermCounter {
  readonly #terms: { readonly text: string; from: number }[];
  readonly #longest: number;
  #held = '';
  #folded = '';
  count = 0;

  constructor(terms: readonly string[]) {
    this.#terms = [...new Set(terms.map(foldText))].map((text) => ({ text, from: 0 }));
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
    const text = this.#folded;
    for (const term of this.#terms) {
      for (;;) {
        const at = text.indexOf(term.text, term.from);
        if (at < 0) {
          term.from = Math.max(term.from, text.length - term.text.length + 1);
          break;
        }
        const end = at + term.text.length;
        // Whether a word ends there is told by what follows.
        if (end >= text.length && !last) {
          term.from = at;
          break;
        }
        const whole = !joins(text, at) && !joins(text, end);
        if (whole) this.count++;
        term.from = whole ? end : at + 1;
      }
    }
    const keep = Math.max(0, Math.min(...this.#terms.map(({ from }) => from), text.length) - 2);
    if (keep < this.#longest + 1024) return;
    this.#folded = text.slice(keep);
    for (const term of this.#terms) term.from -= keep;
  }
}

/** Letters and digits of writing that has spaces between words. */
const WORDY = /^[\p{L}\p{N}_]$/u;
const UNSPACED =
  /^[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}\p{Script=Thai}\p{Script=Lao}\p{Script=Khmer}\p{Script=Myanmar}]$/u;
const isWordy = (sign: string): boolean => WORDY.test(sign) && !UNSPACED.test(sign);

/** Whether the signs before and behind a place are of one word. */
function joins(text: string, at: number): boolean {
  if (at <= 0 || at >= text.length) return false;
  const before = String.fromCodePoint(text.codePointAt(isLow(text, at - 1) ? at - 2 : at - 1) ?? 0);
  return isWordy(before) && isWordy(String.fromCodePoint(text.codePointAt(at) ?? 0));
}

const isLow = (text: string, at: number): boolean => at > 0 && (text.charCodeAt(at) & 0xfc00) === 0xdc00;

/** A place near the end where nothing that follows is joined to what is before: in front of a plain letter. */
function safeCut(text: string): number {
  for (let at = text.length - 1; at > 0 && at >= text.length - JOINED; at--) {
    if (text.charCodeAt(at) < 128) return at;
  }
  return Math.max(0, text.length - JOINED) - (isLow(text, Math.max(0, text.length - JOINED)) ? 1 : 0);
}
