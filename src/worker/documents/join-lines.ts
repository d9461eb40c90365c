// Puts words together again that a typesetter cut at the end of a line. Pure, and linear in the text.

/** A small letter, the mark of the cut, the end of the line, and a word that goes on small. */
const CUT = /(?<=\p{Ll})([-\u2010\u00ad])\n(\p{Ll}[\p{L}\p{M}]*)/gu;
/** A soft hyphen says where a word may be cut, and is none itself. */
const SOFT = /\u00ad(?!\n)/g;
/** Letters of a word that are looked at. */
const WORD = 64;

/** A hyphen stays where the text has the word with it elsewhere and never without (`well-known`). */
export function joinLines(text: string): string {
  const whole = text.replace(SOFT, '');
  if (!/[-\u2010\u00ad]\n/.test(whole)) return whole;
  const words = new Set(whole.match(/\p{L}[\p{L}\p{M}]*(?:-[\p{L}\p{M}]+)*/gu) ?? []);
  return whole.replace(CUT, (_, mark: string, rest: string, at: number) => {
    // At most WORD letters: the run is looked at again from each of them, no more.
    const begin = /[\p{L}\p{M}-]{0,64}$/u.exec(whole.slice(Math.max(0, at - WORD), at))![0];
    const hyphened = mark !== '\u00ad' && words.has(`${begin}-${rest}`) && !words.has(`${begin}${rest}`);
    return hyphened ? `-${rest}` : rest;
  });
}
