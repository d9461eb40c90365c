// Counts words, Chinese and Japanese characters and lines of a text that comes in pieces. Writing without spaces is counted by characters, as
// people there do. Pure.

const WORD = /[\p{L}\p{N}]/u;
/** What is within a word, between letters: don't, well-known. */
const INSIDE = /['’\-_\p{M}]/u;
const CHARACTER = /[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}]/u;

export class WordCounter {
  words = 0;
  characters = 0;
  lines = 0;
  #inWord = false;
  #lineBegun = false;
  #afterReturn = false;

  add(piece: string): void {
    for (const sign of piece) this.#sign(sign);
  }

  end(): void {
    if (this.#lineBegun) this.lines++;
    this.#lineBegun = false;
  }

  #sign(sign: string): void {
    const code = sign.charCodeAt(0);
    if (code === 10 || code === 13) {
      if (!(code === 10 && this.#afterReturn)) this.lines++;
      this.#afterReturn = code === 13;
      this.#inWord = this.#lineBegun = false;
      return;
    }
    this.#afterReturn = false;
    this.#lineBegun = true;
    if (isPlain(code) || (code > 127 && WORD.test(sign))) {
      if (code > 127 && CHARACTER.test(sign)) {
        this.characters++;
        this.#inWord = false;
      } else if (!this.#inWord) {
        this.words++;
        this.#inWord = true;
      }
    } else if (this.#inWord) this.#inWord = INSIDE.test(sign);
  }
}

const isPlain = (code: number): boolean =>
  (code >= 97 && code <= 122) || (code >= 65 && code <= 90) || (code >= 48 && code <= 57);
