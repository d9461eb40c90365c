// The marks that stand for facts in answers: what one looks like, how it is found in a text, and how its fact is put in its place, also where
// the text comes in pieces. A fact is never looked at again: what looks like a mark in it is only letters. Pure.

/** Letters of which marks are made: none of them is taken for another one. */
export const MARK_LETTERS = 'ABCDEFGHJKMNPQRSTVWXYZ23456789';

/** With the backslashes that some models put before brackets. */
const MARK = /\\?\[\\?\[(?:fact-([A-Za-z0-9]{4,8})|time-(\d{4}-\d\d-\d\dT\d\d:\d\dZ))\\?\]\\?\]/g;
const MAY_HOLD = /(?:fact|time)-/;

/** The longest that a mark may be as a model writes it. */
const LONGEST = 32;

/** What marks stand for; without an entry nobody here knows. */
export type KnownFacts = ReadonlyMap<string, string>;

export const markOf = (letters: string): string => `[[fact-${letters}]]`;

/**
 * Stands for a moment, to the minute, e.g. `[[time-2026-11-30T07:13Z]]`: where it is read it becomes local time. Who writes it need not know the
 * time zone of the box, and who reads it as it is can read it.
 */
export const timeMark = (ms: number): string => `[[time-${new Date(ms).toISOString().slice(0, -':00.000Z'.length)}Z]]`;

/** `2026-11-03 14:05`, in the time zone of this process. */
export function localMinute(ms: number): string {
  const at = new Date(ms);
  const two = (n: number) => String(n).padStart(2, '0');
  const day = `${at.getFullYear()}-${two(at.getMonth() + 1)}-${two(at.getDate())}`;
  return `${day} ${two(at.getHours())}:${two(at.getMinutes())}`;
}

/** The marks in a text, each once, as they were made. */
export function marksIn(text: string): string[] {
  if (!text.includes('fact-')) return [];
  const facts = [...text.matchAll(MARK)].flatMap(([, letters]) => (letters === undefined ? [] : [letters]));
  return [...new Set(facts.map((letters) => markOf(letters.toUpperCase())))];
}

/** The text in parts with so many marks each, the last one with what follows. */
export function partsOf(text: string, marks: number): string[] {
  const parts: string[] = [];
  let from = 0;
  let n = 0;
  for (const { 0: mark, index } of text.matchAll(MARK)) {
    if (++n % marks !== 0) continue;
    parts.push(text.slice(from, index + mark.length));
    from = index + mark.length;
  }
  return [...parts, text.slice(from)];
}

/** Characters of a fact that is told again wherever its mark stands again. */
const SHORT = 80;
/** Characters of facts that are put into one text. */
const MAX_FILLED = 256 << 10;

/** What of facts stands in a text already, so that marks, however many, never make it much larger than the facts are. */
export class ShownFacts {
  /** Undefined for a long one: it is not told again. */
  readonly #shown = new Map<string, string | undefined>();
  #left = MAX_FILLED;
  /** Whether there was no room for a fact; then none that is new is told any more. */
  full = false;

  has(mark: string): boolean {
    return this.#shown.has(mark);
  }

  /** What is put in the place of a mark; undefined where nobody knows its fact. */
  tell(mark: string, facts: KnownFacts, { above, full }: Pick<typeof EN, 'above' | 'full'>): string | undefined {
    const again = this.#shown.has(mark);
    const fact = again ? this.#shown.get(mark) : facts.get(mark);
    if (again && fact === undefined) return above;
    if (this.full && !again) return full;
    if (fact === undefined) return undefined;
    if (fact.length > this.#left) {
      this.full = true;
      return full;
    }
    this.#left -= fact.length;
    this.#shown.set(mark, fact.length <= SHORT ? fact : undefined);
    return fact;
  }
}

/**
 * The text with facts in the places of their marks, and words in the places of those that are not known. A long fact is told once; where its mark
 * stands again, and where there is no more room, words say so.
 * @param shown what stands in the same text before
 */
export function fillMarks(text: string, facts: KnownFacts, shown = new ShownFacts()): string {
  if (!MAY_HOLD.test(text)) return text;
  const words = isChinese(text) ? ZH : EN;
  return text.replace(MARK, (mark, letters: string | undefined, moment = '') =>
    letters === undefined
      ? localMoment(moment, mark)
      : (shown.tell(markOf(letters.toUpperCase()), facts, words) ?? words.unknown),
  );
}

/** What only looks like a moment (the 99th of May) stays as it is. */
function localMoment(moment: string, mark: string): string {
  const ms = Date.parse(moment);
  return Number.isNaN(ms) ? mark : localMinute(ms);
}

const EN = {
  unknown: '(known on the box only)',
  above: '(as above)',
  full: '(left out: the answer holds too many facts)',
};
const ZH = { unknown: '（只有设备上知道）', above: '（同上）', full: '（略去：回答里的事实太多）' };

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
  /^\\?(?:\[\\?)?(?:\[(?:t(?:i(?:m(?:e(?:-(?:[\dTZ:-]{0,17}(?:(?<=Z)\\?\]?\\?)?)?)?)?)?)?|f(?:a(?:c(?:t(?:-(?:[A-Za-z0-9]{0,8}(?:(?<=[A-Za-z0-9]{4})\\?\]?\\?)?)?)?)?)?)?)?)?$/;
