// Matches names against `*`, `**`, `?` and `{a,b}` without backtracking beyond the last star: the pattern comes from the
// cloud, and a regular expression made of it could be made to run for ever.

/** Alternatives that braces may give together. */
const MAX_ALTERNATIVES = 16;

/** A test for relative paths. Without a slash the pattern is for the last part only. Letter case does not matter. */
export function globMatcher(pattern: string): (path: string) => boolean {
  if (pattern === '') return () => true;
  const alternatives = expand(fold(pattern));
  const wholePath = pattern.includes('/');
  return (path) => {
    const subject = fold(wholePath ? path : path.slice(path.lastIndexOf('/') + 1));
    return alternatives.some((alternative) => {
      if (!wholePath) return matchPart(alternative, subject);
      return matchPath(alternative.replace(/^\/+/, '').split('/'), subject.split('/'));
    });
  };
}

const fold = (text: string): string => text.normalize('NFC').toLowerCase();

function expand(pattern: string): string[] {
  let patterns = [pattern];
  for (;;) {
    const next = patterns.flatMap((one) => {
      const braces = /\{([^{}]*)\}/.exec(one);
      if (!braces) return [one];
      const head = one.slice(0, braces.index);
      const tail = one.slice(braces.index + braces[0].length);
      return (braces[1] ?? '').split(',').map((choice) => head + choice + tail);
    });
    if (next.length > MAX_ALTERNATIVES) return next.slice(0, MAX_ALTERNATIVES);
    if (next.every((one) => !/\{[^{}]*\}/.test(one))) return next;
    patterns = next;
  }
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

function matchPart(pattern: string, text: string): boolean {
  const letters = [...pattern.replace(/\*+/g, '*')];
  const subject = [...text];
  return greedy(
    letters.length,
    subject.length,
    (p) => letters[p] === '*',
    (p, i) => letters[p] === '?' || letters[p] === subject[i],
  );
}

/** Star matching with one point of return: at most pattern x text steps. */
function greedy(
  patterns: number,
  items: number,
  isStar: (p: number) => boolean,
  same: (p: number, i: number) => boolean,
): boolean {
  let p = 0;
  let i = 0;
  let star = -1;
  let mark = 0;
  while (i < items) {
    if (p < patterns && isStar(p)) {
      star = p++;
      mark = i;
    } else if (p < patterns && same(p, i)) {
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
