// Matches names against `*`, `**`, `?`, `[a-z]` and `{a,b}` without backtracking beyond the last star: patterns come from the cloud and
// names from strangers, and a regular expression made of the one could be made to run for ever on the other.

/** Alternatives that braces may give together. */
const MAX_ALTERNATIVES = 16;

export interface GlobOptions {
  /** Letter case matters. Default: it does not. */
  readonly exact?: boolean;
  /** The pattern is for the whole path even without a slash. Default: then it is for the last part only. */
  readonly whole?: boolean;
}

/** A test for relative paths. */
export function globMatcher(pattern: string, options: GlobOptions = {}): (path: string) => boolean {
  if (pattern === '') return () => true;
  const fold = options.exact ? composed : folded;
  // Folded again, since what stood in braces may join with what stood beside them.
  const alternatives = expand(fold(pattern)).map((one) =>
    fold(one)
      .split('/')
      .filter((part, at) => part !== '' || at > 0),
  );
  const wholePath = options.whole === true || pattern.includes('/');
  return (path) => {
    const subject = fold(wholePath ? path : path.slice(path.lastIndexOf('/') + 1)).split('/');
    return alternatives.some((parts) => matchPath(parts, subject));
  };
}

/** A test for folders, given as relative paths: whether a path below one may match the pattern, as a whole path with letter case. */
export function globFolder(pattern: string): (folder: string) => boolean {
  const alternatives = expand(composed(pattern)).map((one) =>
    composed(one)
      .split('/')
      .filter((part, at) => part !== '' || at > 0),
  );
  return (folder) => {
    const parts = composed(folder).split('/');
    return alternatives.some((wanted) => leadsOn(wanted, parts));
  };
}

/** Part by part until `**`, from where on anything may follow; else the pattern must go on below. */
function leadsOn(pattern: readonly string[], folder: readonly string[]): boolean {
  const star = pattern.indexOf('**');
  const fixed = star < 0 ? pattern : pattern.slice(0, star);
  if (star < 0 && fixed.length <= folder.length) return false;
  return folder.slice(0, fixed.length).every((part, at) => matchPart(fixed[at]!, part));
}

const composed = (text: string): string => text.normalize('NFC');
const folded = (text: string): string => text.normalize('NFC').toLowerCase();

/** Braces without others in them, from the first on; beyond the bound the rest is left out. */
function expand(pattern: string): string[] {
  let patterns = [pattern];
  for (;;) {
    const next = patterns.flatMap((one) => {
      const braces = bracesIn(one);
      if (!braces) return [one];
      const [head, tail] = [one.slice(0, braces.open), one.slice(braces.close + 1)];
      return one
        .slice(braces.open + 1, braces.close)
        .split(',')
        .map((choice) => head + choice + tail);
    });
    if (next.length > MAX_ALTERNATIVES) return next.slice(0, MAX_ALTERNATIVES);
    if (next.every((one) => !bracesIn(one))) return next;
    patterns = next;
  }
}

function bracesIn(text: string): { open: number; close: number } | undefined {
  const close = text.indexOf('}');
  const open = close < 0 ? -1 : text.lastIndexOf('{', close);
  return open < 0 ? undefined : { open, close };
}

/** The same walk over parts as over letters: `**` is the star. */
function matchPath(pattern: readonly string[], parts: readonly string[]): boolean {
  return greedy(
    pattern.length,
    parts.length,
    (p) => pattern[p] === '**',
    (p, i) => matchPart(pattern[p]!, parts[i]!),
  );
}

/** One part of a path against one part of a pattern, both folded alike. */
export function matchPart(pattern: string, text: string): boolean {
  const signs = signsOf(pattern);
  const subject = [...text];
  return greedy(
    signs.length,
    subject.length,
    (p) => signs[p] === '*',
    (p, i) => same(signs[p]!, subject[i]!),
  );
}

/** A letter, `?`, a star (several count as one) or a class in its brackets. */
function signsOf(pattern: string): string[] {
  const letters = [...pattern];
  const signs: string[] = [];
  for (let at = 0; at < letters.length; at++) {
    const letter = letters[at]!;
    if (letter === '*' && signs.at(-1) === '*') continue;
    const close = letter === '[' ? letters.indexOf(']', at + 2) : -1;
    if (close < 0) signs.push(letter);
    else {
      signs.push(letters.slice(at, close + 1).join(''));
      at = close;
    }
  }
  return signs;
}

function same(sign: string, letter: string): boolean {
  if (sign === '?' || sign === letter) return true;
  const inside = [...sign].slice(1, -1);
  if (inside.length === 0 || sign[0] !== '[') return false;
  const not = inside[0] === '!' || inside[0] === '^';
  const range = not ? inside.slice(1) : inside;
  const found = range.some(
    (one, at) =>
      one === letter ||
      (range[at + 1] === '-' && range[at + 2] !== undefined && one <= letter && letter <= range[at + 2]!),
  );
  return found !== not;
}

/** Star matching with one point of return: at most pattern x text steps. */
function greedy(
  patterns: number,
  items: number,
  isStar: (p: number) => boolean,
  isSame: (p: number, i: number) => boolean,
): boolean {
  let p = 0;
  let i = 0;
  let star = -1;
  let mark = 0;
  while (i < items) {
    if (p < patterns && isStar(p)) {
      star = p++;
      mark = i;
    } else if (p < patterns && isSame(p, i)) {
      p++;
      i++;
    } else if (star >= 0) {
      p = star + 1;
      i = ++mark;
    } else return false;
  }
  while (p < patterns && isStar(p)) p++;
  return p === patterns;
}
