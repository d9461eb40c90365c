// Text that an owner judges: what an eye does not see is written out, nothing is left out and nothing is drawn otherwise than it is. It is
// stricter than `inert`, which lets through what belongs to a script: here nobody has to guess what stands between two letters.
import { normalForm } from '../../base/normal-form.ts';
import { cutToWidth, graphemesOf, mostWidthOf, widthOf } from '../../base/text-columns.ts';

/**
 * What a terminal obeys, reorders, hides or draws as nothing, and every space but the plain and the wide one. Also marks without a letter
 * before them and the fourth mark upon one letter, which would draw over other lines.
 */
const UNSEEN =
  /[\p{C}\p{Zl}\p{Zp}\p{Bidi_Control}\p{Default_Ignorable_Code_Point}\u2800]|(?![ \u3000])\p{Zs}|(?<=\p{M}\p{M}\p{M})\p{M}|(?<![\p{L}\p{N}\p{M}\p{S}\p{P}])\p{M}/gu;
/** A backslash that would read as the begin of such a character. */
const AMBIGUOUS = /\\(?=u[0-9a-f]{4}|u\{)/g;
/** Words that need no quotes: none of them can be taken for two, or for none. */
const PLAIN = /^[\p{L}\p{N}\p{M}_@%+=:,./~^-]+$/u;
const TAB = 8;

/** How unseen characters are told, where some were written out. */
export const UNSEEN_NOTE =
  'it holds characters that cannot be seen, that change what is seen or that look like others; they stand here as \\u and their number';

/** All but ASCII and the small numbers and letters that are set high. */
const BEYOND_ASCII = /(?![ -~ªº¹²³])[\p{L}\p{N}\p{P}\p{S}]/gu;
/** Signs that are drawn like those of ASCII, whatever Unicode takes them for: minus, strokes, and dashes of the length of a hyphen. */
const DRAWN_ALIKE = /^(?:(?![ -~])\p{Sm}|[\u2010-\u2012\u29f5\u29f8])$/u;
const FULL_WIDTH = /^[\uff01-\uff5e]$/u;
/** Letters of phonetics, but for those that alphabets use: they are read as others. */
const PHONETIC = /(?![ɓɖɗəɛɣɨɔʃʊʋʒ])[\u01c0-\u01c3\u0250-\u02af\u1d00-\u1dbf\ua720-\ua7ff\uab30-\uab6f]/gu;
/** Marks that stand apart from a letter with which they are one letter. Of Hangul both are read alike, and names of both are common. */
const APART = /\p{L}\p{sc=Inherited}+/gu;
const MARK = /\p{sc=Inherited}/u;

const LETTERS = /[\p{L}\p{M}]+/gu;
/** All but letters of an alphabet other than Latin. */
const NO_ALPHABET = /[^\p{L}]|[\p{sc=Latin}\p{sc=Common}\p{sc=Inherited}]/u;
/** Beside any alphabet: what belongs to none, and the scripts of East Asia, whose letters are drawn otherwise than all of these. */
const FREE = /[\p{sc=Common}\p{sc=Inherited}\p{sc=Han}\p{sc=Hiragana}\p{sc=Katakana}\p{sc=Hangul}\p{sc=Bopomofo}]/u;
const EAST_ASIAN = /[\p{sc=Han}\p{sc=Hiragana}\p{sc=Katakana}\p{sc=Hangul}\p{sc=Bopomofo}]/u;
/** The alphabets with letters like those of Latin, and these letters: all that are drawn like one, historic ones too. */
const TWIN =
  /[аеорсухіїјѕһԁԛԝѵӏАВЕЗКМНОРСТУХІЇЈЅӀҮүԌѴαγικνορτυχωϲϳϱΑΒΕΖΗΙΚΜΝΟΡΤΥΧϹͿօոսհցզյքտԱՍՏՕՈԼ\u0460-\u0481\u1c80-\u1c8f\ua640-\ua69f\p{sc=Cherokee}\p{sc=Coptic}\p{sc=Lisu}]/u;
/** What a name is made of: folders, the parts between dots, options and their values. */
const PIECES = /[^/.=:]+/g;

/** The alphabet of a letter; undefined where it may stand beside any. */
function alphabetOf(letter: string): string | undefined {
  if (FREE.test(letter)) return undefined;
  return ALPHABETS.find(([, is]) => is.test(letter))?.[0] ?? 'other';
}

const ALPHABETS: readonly (readonly [string, RegExp])[] = [
  ['Latin', /\p{sc=Latin}/u],
  ['Cyrillic', /\p{sc=Cyrillic}/u],
  ['Greek', /\p{sc=Greek}/u],
  ['Armenian', /\p{sc=Armenian}/u],
];

/** Of a run of letters of two alphabets: all but those of the one with the most letters. */
function mixedIn(run: string): (letter: string) => boolean {
  const counts = new Map<string, number>();
  for (const letter of run) {
    const alphabet = alphabetOf(letter);
    if (alphabet !== undefined) counts.set(alphabet, (counts.get(alphabet) ?? 0) + 1);
  }
  const [most] = [...counts].reduce((one, other) => (other[1] > one[1] ? other : one), ['', 0]);
  return (letter) => (alphabetOf(letter) ?? most) !== most;
}

/** Of a piece of a name whose letters beside Latin ones are all drawn like these, so that nothing tells their alphabet: they. */
function twinsIn(piece: string): (letter: string) => boolean {
  const isDoubtful = [...piece].every((letter) => NO_ALPHABET.test(letter) || TWIN.test(letter));
  return (letter) => isDoubtful && TWIN.test(letter);
}

/** Of a sign or letter: whether Unicode takes it for ASCII. Wide forms beside wide letters are no disguise. */
const disguisedIn = (word: string): ((found: string) => boolean) => {
  const isWide = EAST_ASIAN.test(word);
  return (found) =>
    DRAWN_ALIKE.test(found) || (/^[ -~]+$/.test(normalForm(found, 'NFKC')) && !(isWide && FULL_WIDTH.test(found)));
};

/** Where in a word, path or host something stands that looks like a letter or sign that it is not, or like two that are one. */
function alikeIn(word: string): ReadonlySet<number> {
  const found = new Set<number>();
  const look = (parts: RegExp, of: (part: string) => (letter: string) => boolean) => {
    for (const { 0: part, index } of word.matchAll(parts)) {
      const isAlike = of(part);
      let at = index;
      for (const letter of part) {
        if (isAlike(letter)) found.add(at);
        at += letter.length;
      }
    }
  };
  const disguised = disguisedIn(word);
  look(BEYOND_ASCII, () => disguised);
  look(PHONETIC, () => () => true);
  look(APART, (pair) => (letter) => normalForm(pair, 'NFC') !== pair && MARK.test(letter));
  look(LETTERS, mixedIn);
  look(PIECES, twinsIn);
  return found;
}

/** Whether a word, path or host has something that looks like what it is not. */
export const hasLookAlikes = (word: string): boolean => alikeIn(word).size > 0;

const escaped = (found: string): string => {
  const code = found.codePointAt(0) ?? 0;
  const hex = code.toString(16);
  return code > 0xffff ? `\\u{${hex}}` : `\\u${hex.padStart(4, '0')}`;
};

/** A part of a line without tabs. The arrow that stands for a tab is written out where it is a letter of the text. */
const seenPart = (part: string): string =>
  part.replace(AMBIGUOUS, '\\\\').replace(UNSEEN, escaped).replaceAll('→', '\\u2192');

/** Whether there is something that an eye does not see. Line ends and tabs of a text are none. */
export const hasUnseen = (text: string): boolean => text.replace(/[\n\t]/g, '').search(UNSEEN) >= 0;

/** What stands for a blank at the end of a line, and for what would look like one. */
const AT_END: Readonly<Record<string, string>> = { ' ': '·', '·': '\\u00b7', '\u3000': '\\u3000' };

/** One line of a text: tabs as `→` up to their stop, blanks at its end as `·`, all that is not seen as `\u202e`. */
export function seenLine(line: string): string {
  let end = line.length;
  while (end > 0 && (line[end - 1] ?? '') in AT_END) end--;
  let column = 0;
  const spaced = line
    .slice(0, end)
    .split('\t')
    .map((part, at, all) => {
      if (at === all.length - 1) return seenPart(part);
      column += widthOf(part);
      const fill = TAB - (column % TAB);
      column += fill;
      return `${seenPart(part)}→${' '.repeat(fill - 1)}`;
    })
    .join('');
  return spaced + [...line.slice(end)].map((blank) => AT_END[blank]).join('');
}

const IN_QUOTES: Readonly<Record<string, string>> = { '\\': '\\\\', '"': '\\"', '\n': '\\n', '\r': '\\r', '\t': '\\t' };

/** One word, path or value: as it is where nothing in it can be misread, else in double quotes with `\n`, `\"` and `\u202e`. */
export function seenWord(word: string): string {
  const alike = alikeIn(word);
  if (PLAIN.test(word) && !hasUnseen(word) && alike.size === 0) return word;
  let at = 0;
  const inside = [...word].map((letter) => {
    const isAlike = alike.has(at);
    at += letter.length;
    return isAlike ? escaped(letter) : (IN_QUOTES[letter] ?? letter);
  });
  return `"${inside.join('').replace(UNSEEN, escaped)}"`;
}

/** Words of ours, or of a person, in one line. */
export const seenSentence = (text: string): string => seenLine(text.replace(/[\n\t]+/g, ' ').trim());

/** All of it in lines that no terminal makes longer than so many columns; those after the first begin with `margin`. */
export function wrapped(text: string, width: number, margin: string): string[] {
  if (mostWidthOf(text) <= width) return [text];
  const lines: string[] = [];
  let line = '';
  let used = 0;
  for (const letter of graphemesOf(text)) {
    const wide = mostWidthOf(letter);
    if (used + wide > width && line !== '') {
      lines.push(line);
      line = margin;
      used = mostWidthOf(margin);
    }
    line += letter;
    used += wide;
  }
  return [...lines, line];
}

/** At most so many columns on any terminal: the middle of what is longer goes, and its length is told. */
export function cutMiddle(text: string, width: number): string {
  if (mostWidthOf(text) <= width) return text;
  const told = ` ${[...text].length} characters `;
  const room = Math.max(width - told.length, 12);
  const tail = Math.floor(room / 3);
  const [begin, end] = [text.slice(0, room * 4), text.slice(-room * 4)];
  return `${cutToWidth(begin, room - tail, false, mostWidthOf)}${told}${cutToWidth(end, tail, true, mostWidthOf)}`;
}
