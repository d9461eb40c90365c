// Compares a command with a template word by word. Pure; there is no shell anywhere, so a word is only ever a word.
import type { JudgedPath } from './judge-path.ts';

/** The words to run. */
export interface MatchedCommand {
  readonly argv: readonly string[];
  /** Words that are paths, by their place; they are followed on the disk before the command starts. */
  readonly paths: ReadonlyMap<number, JudgedPath>;
}

/** Letters, digits and a few signs: nothing that a program could take for an option or a path. */
const WORD = /^[\p{L}\p{N}_.,:@%+=][\p{L}\p{M}\p{N}_.,:@%+=-]{0,255}$/u;

/**
 * `{word}` stands for one plain word, `{path}` for one allowed path (which becomes absolute); neither begins with `-`.
 * Every other word must be the same. Undefined when the command does not fit.
 * @param judge judges a path and throws for one that is not allowed
 */
export function matchArgv(
  template: readonly string[],
  argv: readonly string[],
  judge: (path: string) => JudgedPath,
): MatchedCommand | undefined {
  if (template.length !== argv.length) return undefined;
  const paths: number[] = [];
  for (const [i, expected] of template.entries()) {
    const word = argv[i]!;
    if (word.includes('\0')) return undefined;
    if (expected === '{path}') {
      if (word.startsWith('-')) return undefined;
      paths.push(i);
    } else if (expected === '{word}') {
      if (!WORD.test(word) || /^\.+$/.test(word)) return undefined;
    } else if (word !== expected) return undefined;
  }
  // Judged last, so that a path is looked at only when all the rest is the owner's own words.
  const judged = new Map(paths.map((i) => [i, judge(argv[i]!)]));
  return { argv: argv.map((word, i) => judged.get(i)?.path ?? word), paths: judged };
}
