// Compares a command with a template word by word. Pure; there is no shell anywhere, so a word is only ever a word.
import { sameName } from '../../base/same-name.ts';
import { type Placeholder, placeholderOf } from '../config/placeholder.ts';
import { isSecretName } from './denied.ts';
import type { JudgedPath } from './judge-path.ts';

/** The words to run. */
export interface MatchedCommand {
  readonly argv: readonly string[];
  /** Words that are paths, by their place; they are followed on the disk before the command starts. */
  readonly paths: ReadonlyMap<number, JudgedPath>;
}

/**
 * Letters, digits and a few signs. Left out is what programs take for something else than a word: `-x` and `+x` (options), `@x` (a file
 * with options), `x=y` (a setting), `.x`, `~` and `/` (files), `:` (another host, a scheme), `%` (a format, an escape), spaces and quotes.
 */
const WORD = /^[\p{L}\p{N}_][\p{L}\p{M}\p{N}_.,@+-]{0,255}$/u;

/** Letters that nobody sees, which make two words of one. */
const INVISIBLE = /\p{Default_Ignorable_Code_Point}/u;

/** A path that programs, or programs that they call, could take for something else. */
const NO_PATH = /^[-@+~%]|=/;

/** A whole number as it is written shortest. */
const INT = /^(?:0|[1-9][0-9]{0,15})$/;

/**
 * A placeholder stands for one plain word that is no name of a secret file, one whole number, or one allowed path (which becomes
 * absolute). Every other word must be the same; it is run as the template has it. Undefined when the command does not fit.
 * @param judge judges a path and throws for one that is not allowed
 */
export function matchArgv(
  template: readonly string[],
  argv: readonly string[],
  judge: (path: string) => JudgedPath,
): MatchedCommand | undefined {
  if (template.length !== argv.length) return undefined;
  const paths: number[] = [];
  const words: string[] = [];
  for (const [i, expected] of template.entries()) {
    const word = argv[i]!;
    if (word.includes('\0')) return undefined;
    const placeholder = placeholderOf(expected);
    if (placeholder ? !fitsPlaceholder(word, placeholder) : !sameName(word, expected)) return undefined;
    if (placeholder?.kind === 'path') paths.push(i);
    words.push(placeholder ? word : expected);
  }
  // Judged last, so that a path is looked at only when all the rest is the owner's own words.
  const judged = new Map(paths.map((i) => [i, judge(argv[i]!)]));
  return { argv: words.map((word, i) => judged.get(i)?.path ?? word), paths: judged };
}

/** Whether a word may stand there, by its letters. A path is judged apart. */
export function fitsPlaceholder(word: string, placeholder: Placeholder): boolean {
  switch (placeholder.kind) {
    case 'path':
      return word !== '' && !NO_PATH.test(word);
    case 'int':
      return INT.test(word) && placeholder.least <= Number(word) && Number(word) <= placeholder.most;
    case 'word': {
      if (!WORD.test(word) || INVISIBLE.test(word) || isSecretName(word)) return false;
      return placeholder.pattern?.matches(word) ?? true;
    }
  }
}
