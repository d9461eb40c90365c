// Whether JSON of strangers may be parsed in one turn: by how many values it has, how deep they lie and how many digits stand together,
// counted before anything is made of them. Linear, in pieces as they come, and without a judgement of whether it is JSON at all.

export interface JsonBounds {
  readonly letters: number;
  readonly values: number;
  readonly depth: number;
}

/** What one turn can parse, look through and write again. */
export const ONE_TURN: JsonBounds = { letters: 2 << 20, values: 20_000, depth: 100 };

/** Digits in a row: to make one number of them takes time by their square, also where they stand in a text (numbers of 64 bits do). */
const DIGITS = 10_000;

const QUOTE = 34;
const BACKSLASH = 92;
const LETTER_U = 117;

export class JsonMeter {
  readonly #bounds: JsonBounds;
  #letters = 0;
  #values = 1;
  #depth = 0;
  #inText = false;
  #escaped = false;
  #digits = 0;
  /** Letters that are left of an escape of four, and what they said so far. */
  #hex = 0;
  #code = 0;

  constructor(bounds: JsonBounds = ONE_TURN) {
    this.#bounds = bounds;
  }

  /** Takes the next piece. Words for the bound that is met, undefined while none is. */
  push(piece: string): string | undefined {
    const { letters, values, depth } = this.#bounds;
    this.#letters += piece.length;
    if (this.#letters > letters) return `more than ${letters} letters`;
    for (let at = 0; at < piece.length; at++) {
      const letter = piece.charCodeAt(at);
      if (this.#over(letter)) return `more than ${DIGITS} digits in a row`;
      if (this.#inText) {
        if (this.#escaped) {
          this.#escaped = false;
          if (letter === LETTER_U) [this.#hex, this.#code] = [4, 0];
        } else if (letter === BACKSLASH) this.#escaped = true;
        else if (letter === QUOTE) this.#inText = false;
      } else if (letter === QUOTE) this.#inText = true;
      else if (letter === 91 || letter === 123) {
        if (++this.#depth > depth) return `more than ${depth} lists in each other`;
        if (++this.#values > values) return `more than ${values} values`;
      } else if (letter === 93 || letter === 125) this.#depth--;
      // A comma or a colon: another value, or the name of one.
      else if ((letter === 44 || letter === 58) && ++this.#values > values) return `more than ${values} values`;
    }
    return undefined;
  }

  /** Counts digits, however they are written. */
  #over(letter: number): boolean {
    if (this.#hex > 0) {
      this.#code = this.#code * 16 + (Number.parseInt(String.fromCharCode(letter), 16) || 0);
      if (--this.#hex > 0) return false;
      return this.#digit(this.#code);
    }
    // What an escape begins with is no letter yet.
    if (this.#escaped ? letter === LETTER_U : letter === BACKSLASH && this.#inText) return false;
    return this.#digit(letter);
  }

  #digit(code: number): boolean {
    this.#digits = code >= 48 && code <= 57 ? this.#digits + 1 : 0;
    return this.#digits > DIGITS;
  }
}

/** Words for the bound that a text does not keep; undefined where one turn can parse it. */
export function jsonProblem(text: string, bounds: JsonBounds = ONE_TURN): string | undefined {
  return new JsonMeter(bounds).push(text);
}
