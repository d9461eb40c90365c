// A name as a pattern for it in any letter case: people write `readme.md` and mean README.md, and patterns mind the case.
import { literalGlob } from './glob.ts';
import { formOf } from './same-name.ts';

/** Characters that a pattern may have, with room for `**\/` before it; a longer one stays as it was written. */
const MOST = 253;

/** Each letter as a class of both its cases, the written one first; signs of patterns stand for themselves. */
export function anyCase(name: string): string {
  const pattern = [...formOf(name)].map(eitherCase).join('');
  return pattern.length <= MOST ? pattern : literalGlob(name);
}

function eitherCase(letter: string): string {
  const other = letter === letter.toLowerCase() ? letter.toUpperCase() : letter.toLowerCase();
  return other === letter || [...other].length > 1 ? literalGlob(letter) : `[${letter}${other}]`;
}

/** The name that such a pattern was made of, to be told to people. */
export const asWritten = (pattern: string): string =>
  pattern.replace(/\[(?:(.)(.)|([*?[{]))\]/gu, (all, letter, other, sign) =>
    sign !== undefined ? sign : eitherCase(letter) === `[${letter}${other}]` ? letter : all,
  );
