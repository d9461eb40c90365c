// What `.bowlineignore` and `.gitignore` leave out, in the words of Git. Patterns may come with a folder of a stranger, so they are matched by
// the one matcher that never backtracks far. Pure.
import { globOf } from '../../base/glob.ts';

/** Lines that are read of one file. */
export const MAX_RULES = 2_000;

/** What a match takes at least. */
const LEAST_STEPS = 64;

interface Rule {
  readonly leaves: boolean;
  readonly folders: boolean;
  readonly matches: (path: string) => boolean;
  /** Steps that a match takes for each letter of a path, at most; 0: hardly more than to look at the path. */
  readonly steps: number;
}

export class IgnoreRules {
  readonly #rules: readonly Rule[];

  /** @param lines as they stand in a file of that kind */
  constructor(lines: readonly string[]) {
    this.#rules = lines.slice(0, MAX_RULES).flatMap((line) => ruleOf(line) ?? []);
  }

  /**
   * Whether a path below the folder of the rules is left out or taken back in; undefined where no rule says anything.
   * @param spend told before each match how many steps it may take
   */
  judge(path: string, isFolder: boolean, spend: (steps: number) => void = () => {}): boolean | undefined {
    const shown = withoutDots(path);
    const last = this.#rules.findLast(({ folders, matches, steps }) => {
      if (!isFolder && folders) return false;
      spend(Math.max(LEAST_STEPS, steps * shown.length));
      return matches(shown);
    });
    return last?.leaves;
  }
}

function ruleOf(line: string): Rule | undefined {
  let text = line.replace(/\r$/, '');
  // Spaces at the end count only behind a backslash.
  while (/[ \t]$/.test(text) && !text.endsWith('\\ ')) text = text.slice(0, -1);
  if (text === '' || text.startsWith('#')) return undefined;
  const leaves = !text.startsWith('!');
  if (!leaves) text = text.slice(1);
  const folders = text.endsWith('/');
  if (folders) text = text.slice(0, -1);
  const anchored = text.includes('/');
  const pattern = literal(text.replace(/^\//, ''));
  if (pattern === '') return undefined;
  const glob = globOf(withoutDots(anchored ? pattern : `**/${pattern}`));
  // With one star the matcher hardly goes back.
  const stars = pattern.split('*').length - 1;
  return { leaves, folders, matches: (path) => glob.matches(path), steps: stars > 1 ? pattern.length : 0 };
}

/** Signs behind a backslash and braces stand for themselves. */
const literal = (pattern: string): string =>
  pattern.replace(/\\(.)|\{/gsu, (whole, sign: string | undefined) => {
    const one = sign ?? whole;
    return '*?[{'.includes(one) ? `[${one}]` : one;
  });

/** To Git a leading dot is a letter like any other. */
const withoutDots = (path: string): string => path.replace(/(^|\/)\./g, '$1\u2024');
