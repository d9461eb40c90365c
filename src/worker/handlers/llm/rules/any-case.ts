// A name as a pattern for it in any letter case: people write `readme.md` and mean README.md, and patterns mind the case.
import { formOf } from '../../../../base/same-name.ts';

/** Characters that a pattern may have; a longer one stays as it was written. */
const MOST = 256;

/** Each letter as a class of both its cases, the written one first. */
export function anyCase(name: string): string {
  const pattern = [...formOf(name)].map(eitherCase).join('');
  return pattern.length <= MOST ? pattern : name;
}

function eitherCase(letter: string): string {
  const other = letter === letter.toLowerCase() ? letter.toUpperCase() : letter.toLowerCase();
  return other === letter || [...other].length > 1 ? letter : `[${letter}${other}]`;
}

/** The name that such a pattern was made of, to be told to people. */
export const asWritten = (pattern: string): string =>
  pattern.replace(/\[(.)(.)\]/gu, (both, letter, other) =>
    eitherCase(letter) === `[${letter}${other}]` ? letter : both,
  );
