// Patterns of files: `*` and `?` within a name, `**` for any folders. In time that grows with pattern times path only, because
// patterns come from models and paths from hostile programs, and regular expressions can be made to take for ever.

/** A pattern by its segments. As in shells, a leading dot is matched only by a dot. */
export type Glob = readonly string[];

const DEEP = '**';

/** A `**` at the end means what is beneath, not the folder itself. */
const complete = (glob: Glob): Glob => (glob.at(-1) === DEEP ? [...glob, '*'] : glob);

/** Whether a file at this path (its segments) is meant. */
export function matchesFile(glob: Glob, path: readonly string[]): boolean {
  const whole = complete(glob);
  return states(whole, path).has(whole.length);
}

/** Whether something beneath the folder at this path may be meant. */
export function reachesInto(glob: Glob, folder: readonly string[]): boolean {
  const whole = complete(glob);
  return [...states(whole, folder)].some((at) => at < whole.length);
}

/** Where in the pattern one may be after these segments. */
function states(glob: Glob, path: readonly string[]): ReadonlySet<number> {
  let now = skipDeep(glob, new Set([0]));
  for (const name of path) {
    const next = new Set<number>();
    for (const at of now) {
      const segment = glob[at];
      if (segment === undefined) continue;
      if (segment === DEEP) {
        if (!name.startsWith('.')) next.add(at);
      } else if (matchesName(segment, name)) next.add(at + 1);
    }
    now = skipDeep(glob, next);
  }
  return now;
}

/** `**` also stands for no folder at all. */
function skipDeep(glob: Glob, from: Set<number>): Set<number> {
  for (const at of from) if (glob[at] === DEEP) from.add(at + 1);
  return from;
}

/** The usual two pointers: after a mismatch the last star takes one character more. */
export function matchesName(pattern: string, name: string): boolean {
  if (name.startsWith('.') && !pattern.startsWith('.')) return false;
  const want = [...pattern];
  const have = [...name];
  let at = 0;
  let i = 0;
  let star = -1;
  let mark = 0;
  while (i < have.length) {
    if (at < want.length && want[at] === '*') {
      star = at++;
      mark = i;
    } else if (at < want.length && (want[at] === '?' || want[at] === have[i])) {
      at++;
      i++;
    } else if (star >= 0) {
      at = star + 1;
      i = ++mark;
    } else return false;
  }
  while (want[at] === '*') at++;
  return at === want.length;
}
