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
const ZERO = 48;
const NINE = 57;

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
    // In variables of its own: it looks at each letter.
    let [inText, escaped, digits, hex, code] = [this.#inText, this.#escaped, this.#digits, this.#hex, this.#code];
    for (let at = 0; at < piece.length; at++) {
      const letter = piece.charCodeAt(at);
      if (hex > 0) {
        code = code * 16 + ((letter > NINE ? letter + 9 : letter) % 16);
        if (--hex === 0) digits = code >= ZERO && code <= NINE ? digits + 1 : 0;
      } else if (letter >= ZERO && letter <= NINE && !escaped) digits++;
      // The beginning of an escape is no letter yet.
      else if (escaped ? letter !== LETTER_U : letter !== BACKSLASH || !inText) digits = 0;
      if (digits > DIGITS) return `more than ${DIGITS} digits in a row`;
      if (inText) {
        if (escaped) {
          escaped = false;
          if (letter === LETTER_U) {
            hex = 4;
            code = 0;
          }
        } else if (letter === BACKSLASH) escaped = true;
        else if (letter === QUOTE) inText = false;
      } else if (letter === QUOTE) inText = true;
      else if (letter === 91 || letter === 123) {
        if (++this.#depth > depth) return `more than ${depth} lists in each other`;
        if (++this.#values > values) return `more than ${values} values`;
      } else if (letter === 93 || letter === 125) this.#depth--;
      // A comma or a colon: another value, or the name of one.
      else if ((letter === 44 || letter === 58) && ++this.#values > values) return `more than ${values} values`;
    }
    [this.#inText, this.#escaped, this.#digits, this.#hex, this.#code] = [inText, escaped, digits, hex, code];
    return undefined;
  }
}

/** Words for the bound that a text does not keep; undefined where one turn can parse it. */
export function jsonProblem(text: string, bounds: JsonBounds = ONE_TURN): string | undefined {
  return new JsonMeter(bounds).push(text);
}
