// What `.bowlineignore` and `.gitignore` leave out, in the words of Git. Patterns may come with a folder of a stranger, so they are matched by
// the one matcher that never backtracks far. Pure.
import { globOf } from '../../base/glob.ts';

/** Lines that are read of one file. */
export const MAX_RULES = 2_000;

interface Rule {
  readonly leaves: boolean;
  readonly folders: boolean;
  readonly matches: (path: string) => boolean;
}

export class IgnoreRules {
  readonly #rules: readonly Rule[];

  /** @param lines as they stand in a file of that kind */
  constructor(lines: readonly string[]) {
    this.#rules = lines.slice(0, MAX_RULES).flatMap((line) => ruleOf(line) ?? []);
  }

  /** Whether a path below the folder of the rules is left out or taken back in; undefined where no rule says anything. */
  judge(path: string, isFolder: boolean): boolean | undefined {
    const shown = withoutDots(path);
    const last = this.#rules.findLast(({ folders, matches }) => (isFolder || !folders) && matches(shown));
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
  return { leaves, folders, matches: (path) => glob.matches(path) };
}

/** Signs behind a backslash and braces stand for themselves. */
const literal = (pattern: string): string =>
  pattern.replace(/\\(.)|\{/gsu, (whole, sign: string | undefined) => {
    const one = sign ?? whole;
    return '*?[{'.includes(one) ? `[${one}]` : one;
  });

/** To Git a leading dot is a letter like any other. */
const withoutDots = (path: string): string => path.replace(/(^|\/)\./g, '$1\u2024');
