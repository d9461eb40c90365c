// Which bytes of a keyboard are one key, pressed by a person who read the question. What is pasted, and what comes in one piece with
// other keys, is none. Pure.

const PASTE_BEGIN = '\x1b[200~';
const PASTE_END = '\x1b[201~';
/** Ctrl-C and Ctrl-D. They count wherever they stand: they answer nothing. */
const LEAVES = ['\x03', '\x04'];

/** Asks the terminal to mark what is pasted, and not to any more. A terminal that cannot ignores it. */
export const MARK_PASTES = '\x1b[?2004h';
export const LEAVE_PASTES = '\x1b[?2004l';

export type AnswerKey = { readonly key: string } | 'leave' | 'none';

export class KeyFilter {
  #pasting = false;

  /** What a piece of input is; a letter in lower case, and `enter`. */
  take(piece: string): AnswerKey {
    const { outside, pasted } = this.#outside(piece);
    if (LEAVES.some((key) => outside.includes(key))) return 'leave';
    if (pasted || [...outside].length !== 1) return 'none';
    return { key: outside === '\r' || outside === '\n' ? 'enter' : outside.toLowerCase() };
  }

  #outside(piece: string): { readonly outside: string; readonly pasted: boolean } {
    let rest = piece;
    let outside = '';
    let pasted = this.#pasting;
    while (rest !== '') {
      const sign = this.#pasting ? PASTE_END : PASTE_BEGIN;
      const at = rest.indexOf(sign);
      if (!this.#pasting) outside += at < 0 ? rest : rest.slice(0, at);
      if (at < 0) break;
      this.#pasting = !this.#pasting;
      pasted = true;
      rest = rest.slice(at + sign.length);
    }
    return { outside, pasted };
  }
}
