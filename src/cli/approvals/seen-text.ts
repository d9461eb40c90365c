// Text that an owner judges: what an eye does not see is written out, nothing is left out and nothing is drawn otherwise than it is. It is
// stricter than `inert`, which lets through what belongs to a script: here nobody has to guess what stands between two letters.
import { cutToWidth, graphemesOf, widthOf } from '../../base/text-columns.ts';

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

/** Letters of one script that are drawn like letters of another; among letters of that other one they are written out. */
const LIKE_LATIN = /[авезкмнорстухіїјѕһԁԛԝьАВЕЗКМНОРСТУХІЇЈЅαικνορτυχΑΒΕΖΗΙΚΜΝΟΡΤΥΧ]/gu;
const LIKE_OTHERS = /[aceijopsxyhkmtubABCEHIJKMOPSTXYZ]/g;
const LATIN = /\p{Script=Latin}/gu;
const OTHERS = /[\p{Script=Cyrillic}\p{Script=Greek}]/gu;
const LETTERS = /[\p{L}\p{M}]+/gu;

/** A run of letters: where Latin stands among Cyrillic or Greek, or these among Latin, the few that look like the many are written out. */
function unmixed(letters: string): string {
  const latin = letters.match(LATIN)?.length ?? 0;
  const others = letters.match(OTHERS)?.length ?? 0;
  if (latin === 0 || others === 0) return letters;
  return letters.replace(latin < others ? LIKE_OTHERS : LIKE_LATIN, escaped);
}

/** Whether a word, path or host has letters of one script that look like those of another beside them. Han, kana and Hangul beside Latin have none. */
export const hasLookAlikes = (word: string): boolean => word.replace(LETTERS, unmixed) !== word;

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

/** One word, path or value: as it is where nothing in it can be misread, else in double quotes with `\n`, `\"` and `\u202e`. */
export function seenWord(word: string): string {
  if (PLAIN.test(word) && !hasUnseen(word) && !hasLookAlikes(word)) return word;
  const inside = word
    .replaceAll('\\', '\\\\')
    .replaceAll('"', '\\"')
    .replaceAll('\n', '\\n')
    .replaceAll('\r', '\\r')
    .replaceAll('\t', '\\t')
    .replace(LETTERS, unmixed)
    .replace(UNSEEN, escaped);
  return `"${inside}"`;
}

/** Words of ours, or of a person, in one line. */
export const seenSentence = (text: string): string => seenLine(text.replace(/[\n\t]+/g, ' ').trim());

/** All of it in lines of at most so many columns; those after the first begin with `margin`. */
export function wrapped(text: string, width: number, margin: string): string[] {
  if (widthOf(text) <= width) return [text];
  const lines: string[] = [];
  let line = '';
  let used = 0;
  for (const letter of graphemesOf(text)) {
    const wide = widthOf(letter);
    if (used + wide > width && line !== '') {
      lines.push(line);
      line = margin;
      used = widthOf(margin);
    }
    line += letter;
    used += wide;
  }
  return [...lines, line];
}

/** At most so many columns: the middle of what is longer goes, and its length is told. */
export function cutMiddle(text: string, width: number): string {
  if (widthOf(text) <= width) return text;
  const told = ` ${[...text].length} characters `;
  const room = Math.max(width - told.length, 12);
  const tail = Math.floor(room / 3);
  const [begin, end] = [text.slice(0, room * 4), text.slice(-room * 4)];
  return `${cutToWidth(begin, room - tail)}${told}${cutToWidth(end, tail, true)}`;
}
