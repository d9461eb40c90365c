// Whether something stands in the owner's own words, whole. Pure, and strict: what a model could choose freely, be it a part of a
// word, a space or a digit, could carry out a piece of what it has read.

const WORD = /[\p{L}\p{N}\p{M}_]/u;
/** Scripts that write without spaces between words: any two characters in a row are a word there. */
const UNSPACED = /[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}\p{Script=Thai}\p{Script=Lao}\p{Script=Khmer}]/u;
/** Places of a text that are looked at, and letters that are compared in them; of long words there are few. */
const MAX_PLACES = 500;
const MAX_COMPARED = 128 << 10;

/** Whether these words stand in the text exactly so, from the beginning of a word to the end of one. */
export function standsWhole(words: string, text: string): boolean {
  if (words === '' || words.length > text.length || words.trim() !== words) return false;
  const short = words.length <= 2 && [...words].length < 2 && UNSPACED.test(words);
  if (short) return false;
  const places = Math.min(MAX_PLACES, Math.ceil(MAX_COMPARED / words.length));
  let looked = 0;
  for (let at = text.indexOf(words); at >= 0 && looked < places; at = text.indexOf(words, at + 1), looked++) {
    if (isBoundary(text, at) && isBoundary(text, at + words.length)) return true;
  }
  return false;
}

/** Whether a number is one that anybody would choose (a single digit and zeros), or stands in the text. */
export function isPlainNumber(value: number | bigint, text: string): boolean {
  const digits = String(value);
  return /^[0-9]0{0,6}$/.test(digits) || standsWhole(digits, text);
}

/** Whether a word may begin or end here. */
function isBoundary(text: string, at: number): boolean {
  const before = [...text.slice(Math.max(0, at - 2), at)].at(-1) ?? '';
  const after = at < text.length ? String.fromCodePoint(text.codePointAt(at) ?? 0x20) : '';
  if (!WORD.test(before) || !WORD.test(after)) return true;
  return UNSPACED.test(before) || UNSPACED.test(after);
}
