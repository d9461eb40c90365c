// The marks that stand for facts in answers: what one looks like, how it is found in a text, and how its fact is put in its place, also where
// the text comes in pieces. A fact is never looked at again: what looks like a mark in it is only letters. Pure.

/** Letters of which marks are made: none of them is taken for another one. */
export const MARK_LETTERS = 'ABCDEFGHJKMNPQRSTVWXYZ23456789';

/** With the backslashes that some models put before brackets. */
const MARK = /\\?\[\\?\[fact-([A-Za-z0-9]{4,8})\\?\]\\?\]/g;

/** The longest that a mark may be as a model writes it. */
const LONGEST = 24;

/** What marks stand for; without an entry nobody here knows. */
export type KnownFacts = ReadonlyMap<string, string>;

export const markOf = (letters: string): string => `[[fact-${letters}]]`;

/** The marks in a text, each once, as they were made. */
export function marksIn(text: string): string[] {
  if (!text.includes('fact-')) return [];
  return [...new Set([...text.matchAll(MARK)].map(([, letters = '']) => markOf(letters.toUpperCase())))];
}

/** The text with facts in the places of their marks, and words in the places of those that are not known. */
export function fillMarks(text: string, facts: KnownFacts): string {
  if (!text.includes('fact-')) return text;
  const unknown = isChinese(text) ? '（只有设备上知道）' : '(known on the box only)';
  return text.replace(MARK, (_, letters: string) => facts.get(markOf(letters.toUpperCase())) ?? unknown);
}

const isChinese = (text: string): boolean => /\p{Script=Han}/u.test(text);

/** Holds back the end of a text that comes in pieces, where it may be the beginning of a mark. */
export class WholeMarks {
  #held = '';

  /** What can be shown now: no mark in it is cut. */
  add(piece: string): string {
    const text = this.#held + piece;
    const cut = cutMark(text);
    this.#held = text.slice(cut);
    return text.slice(0, cut);
  }

  /** What was held back, when nothing follows. */
  end(): string {
    const rest = this.#held;
    this.#held = '';
    return rest;
  }
}

/** Where a mark begins that the end of the text cuts; the length of the text where none does. */
function cutMark(text: string): number {
  for (let at = Math.max(0, text.length - LONGEST); at < text.length; at++) {
    if ((text[at] === '[' || text[at] === '\\') && BEGINNING.test(text.slice(at))) return at;
  }
  return text.length;
}

/** A mark without its end. */
const BEGINNING =
  /^\\?(?:\[\\?)?(?:\[(?:f(?:a(?:c(?:t(?:-(?:[A-Za-z0-9]{0,8}(?:(?<=[A-Za-z0-9]{4})\\?\]?\\?)?)?)?)?)?)?)?)?$/;
