// A text in which letters are written as escapes (percent, JSON, shells, HTML), each for itself: the letters that they mean, and where each of
// them stands. What is drawn as nothing between letters, and spaces of all kinds, are left out. Linear, pure.

const NAMED: Readonly<Record<string, string>> = {
  lowbar: '_',
  hyphen: '-',
  dash: '-',
  amp: '&',
  lt: '<',
  gt: '>',
  quot: '"',
  apos: "'",
  plus: '+',
  equals: '=',
  period: '.',
  sol: '/',
  colon: ':',
  num: '#',
  excl: '!',
  ast: '*',
  commat: '@',
  dollar: '$',
};

/** What is drawn as nothing or as a space (Unicode: Default_Ignorable_Code_Point and Separator, above ASCII), in UTF-8. */
const UNSEEN = [
  '\\xc2[\\xa0\\xad]',
  '\\xcd\\x8f',
  '\\xd8\\x9c',
  '\\xe1(?:\\x85[\\x9f\\xa0]|\\x9a\\x80|\\x9e[\\xb4\\xb5]|\\xa0[\\x8b-\\x8f])',
  '\\xe2(?:\\x80[\\x80-\\x8f\\xa8-\\xaf]|\\x81[\\x9f-\\xaf])',
  '\\xe3(?:\\x80\\x80|\\x85\\xa4)',
  '\\xef(?:\\xb8[\\x80-\\x8f]|\\xbb\\xbf|\\xbe\\xa0|\\xbf[\\xb0-\\xb8])',
  '\\xf0(?:\\x9b\\xb2[\\xa0-\\xa3]|\\x9d\\x85[\\xb3-\\xba])',
  '\\xf3\\xa0[\\x80-\\xbf][\\x80-\\xbf]',
].join('|');

const HEX = '([0-9a-fA-F]{2})';
const NAMES = Object.keys(NAMED).flatMap((name) => [name, name.toUpperCase()]);
/** No letter counts as its other case: bytes of UTF-8 would, too. */
const ESCAPES = new RegExp(
  `%${HEX}|\\\\[xX]${HEX}|\\\\[uU]00${HEX}|&#[xX]0{0,8}${HEX};|&#0{0,8}([0-9]{1,3});|&(${NAMES.join('|')});|${UNSEEN}`,
  'g',
);
/** What may be the beginning of one whose rest is still to come. */
const BEGUN =
  /(?:%[0-9a-fA-F]?|\\(?:[xX][0-9a-fA-F]?|[uU]0?0?[0-9a-fA-F]?)?|&#?[a-zA-Z0-9]{0,12}|[\xc2\xcd\xd8]|[\xe1-\xe3\xef][\x80-\xbf]?|[\xf0\xf3][\x80-\xbf]{0,2})$/;
const LONGEST = 16;

export interface Unescaped {
  readonly bytes: Uint8Array;
  /** Where each of the bytes begins in the text, and at the end where the text that was looked at ends. */
  readonly starts: Uint32Array;
}

/** Undefined where no letter is written so. */
export function decoded(text: Uint8Array): Unescaped | undefined {
  const latin = Buffer.from(text.buffer, text.byteOffset, text.length).toString('latin1');
  if (latin.search(ESCAPES) < 0) return undefined;
  const bytes = new Uint8Array(text.length);
  const starts = new Uint32Array(text.length + 1);
  let [at, count] = [0, 0];
  const plain = (to: number) => {
    for (; at < to; at++) {
      bytes[count] = text[at]!;
      starts[count++] = at;
    }
  };
  for (const { 0: found, index, 1: percent, 2: x, 3: u, 4: hex, 5: decimal, 6: name } of latin.matchAll(ESCAPES)) {
    plain(index);
    const digits = percent ?? x ?? u ?? hex;
    const code = name
      ? NAMED[name.toLowerCase()]?.charCodeAt(0)
      : digits
        ? Number.parseInt(digits, 16)
        : Number(decimal ?? 256);
    // What is one byte in percent-encoding is a letter elsewhere, which UTF-8 writes in two.
    const isByte = percent !== undefined || x !== undefined;
    if (code !== undefined && code < 256)
      for (const byte of isByte || code < 128 ? [code] : [0xc0 | (code >> 6), 0x80 | (code & 63)]) {
        bytes[count] = byte;
        starts[count++] = index;
      }
    at = index + found.length;
  }
  plain(text.length);
  starts[count] = text.length;
  return { bytes: bytes.subarray(0, count), starts: starts.subarray(0, count + 1) };
}

/** Where an escape begins that has no end yet; the length of the text when there is none. */
export function begunAt(text: Uint8Array): number {
  const from = Math.max(text.length - LONGEST, 0);
  const found = BEGUN.exec(Buffer.from(text.subarray(from)).toString('latin1'));
  return found ? from + found.index : text.length;
}
