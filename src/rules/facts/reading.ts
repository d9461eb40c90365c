// A question while it is understood piece by piece: what was understood is taken out, so that the rest is known.

export class Reading {
  #rest: string;

  constructor(text: string) {
    this.#rest = text;
  }

  /** What nobody has understood so far. */
  get rest(): string {
    return this.#rest;
  }

  has(pattern: RegExp): boolean {
    return pattern.test(this.#rest);
  }

  /** Takes the first match out. */
  take(pattern: RegExp): RegExpExecArray | undefined {
    const match = pattern.exec(this.#rest);
    if (!match) return undefined;
    this.#rest = `${this.#rest.slice(0, match.index)} ${this.#rest.slice(match.index + match[0].length)}`;
    return match;
  }

  /** Takes all matches out; whether there was one. */
  takeAll(pattern: RegExp): boolean {
    let any = false;
    for (let i = 0; i < 20 && this.take(pattern); i++) any = true;
    return any;
  }
}

/** A word as it stands alone; Chinese ones have no spaces around them. */
export function wordPattern(word: string): RegExp {
  const literal = word.replace(/[^\p{L}\p{N}_]/gu, '\\$&');
  const [first, last] = [/^[\p{Script=Latin}\p{N}_]/u.test(word), /[\p{Script=Latin}\p{N}_]$/u.test(word)];
  const letter = '[\\p{Script=Latin}\\p{N}_]';
  return new RegExp(`${first ? `(?<!${letter})` : ''}${literal}${last ? `(?!${letter})` : ''}`, 'u');
}
