// The rules of a robots.txt for one crawler (RFC 9309), read in one pass and matched in linear time: strangers write these files. Pure.
// Paths are compared as octets with all escapes undone, so that two spellings of a path are one.

/** Rules that are obeyed of one file, and those with `*` in them among these: matching costs the length of the path for each. */
export const MOST_RULES = 10_000;
export const MOST_WILDCARDS = 500;

export interface RobotsRules {
  /** Whether this URL may be read. */
  permits(url: URL): boolean;
  /** Seconds between two requests that the file asks for (`Crawl-delay`, which is no part of the RFC); 0: it does not say. */
  readonly delay: number;
}

interface Rule {
  readonly allow: boolean;
  /** What stands between the `*`, as octets. */
  readonly pieces: readonly string[];
  /** Whether the path must end where the rule ends (`$`). */
  readonly anchored: boolean;
  /** Octets of the rule: the longest that matches decides. */
  readonly length: number;
}

/** What was gathered for one name. */
class Group {
  readonly rules = new Map<string, Rule>();
  wildcards = 0;
  delay = 0;
  tooMany = false;

  add(path: string, allow: boolean): void {
    const name = `${allow ? '+' : '-'}${path}`;
    if (this.tooMany || this.rules.has(name)) return;
    const rule = ruleOf(path, allow);
    if (rule.pieces.length > 1) this.wildcards++;
    this.tooMany = this.rules.size >= MOST_RULES || this.wildcards > MOST_WILDCARDS;
    this.rules.set(name, rule);
  }
}

/**
 * @param bytes the file; `cut`: there was more of it, so that its last line may be half of one
 * @param agent the name that rules are looked for under; those of `*` count where it is not named
 * @returns `too many` for a file with more rules than are obeyed
 */
export function robotsRules(bytes: Uint8Array, cut: boolean, agent: string): RobotsRules | 'too many' {
  const named = new Group();
  const all = new Group();
  const own = agent.toLowerCase();
  let isNamed = false;
  /** Whose rules these are; a line with a name after a rule begins anew. */
  let current: readonly Group[] = [];
  let naming = false;
  for (const line of linesOf(textOf(bytes), cut)) {
    const [field, value] = fieldOf(line);
    if (field === 'user-agent') {
      if (!naming) current = [];
      naming = true;
      const name = /^(?:\*(?=\s|$)|[\w-]+)/.exec(value)?.[0].toLowerCase();
      const group = name === '*' ? all : name === own ? named : undefined;
      isNamed ||= group === named;
      if (group && !current.includes(group)) current = [...current, group];
    } else if (field === 'allow' || field === 'disallow') {
      naming = false;
      if (value !== '') for (const group of current) group.add(value, field === 'allow');
    } else if (field === 'crawl-delay') {
      const delay = /^\d{1,9}(?:\.\d{0,9})?$/.test(value) ? Number(value) : 0;
      for (const group of current) group.delay = Math.max(group.delay, delay);
    }
  }
  const group = isNamed ? named : all;
  return group.tooMany ? 'too many' : { permits: judge([...group.rules.values()]), delay: group.delay };
}

/** Octets as letters, without the mark that some editors set before UTF-8. */
function textOf(bytes: Uint8Array): string {
  const text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('latin1');
  return text.startsWith('\xef\xbb\xbf') ? text.slice(3) : text;
}

function* linesOf(text: string, cut: boolean): Generator<string> {
  const end = cut ? Math.max(text.lastIndexOf('\n'), text.lastIndexOf('\r')) + 1 : text.length;
  for (let from = 0; from < end; ) {
    let to = from;
    while (to < end && text.charCodeAt(to) !== 10 && text.charCodeAt(to) !== 13) to++;
    // The shortest line that says something: `allow:`.
    if (to - from >= 6) yield text.slice(from, to);
    from = to + 1;
  }
}

const LONGEST_FIELD = 'crawl-delay'.length;

function fieldOf(line: string): readonly [field: string, value: string] {
  const comment = line.indexOf('#');
  const said = comment < 0 ? line : line.slice(0, comment);
  const colon = said.indexOf(':');
  const field = said.slice(0, Math.max(0, colon)).trim();
  if (field.length > LONGEST_FIELD) return ['', ''];
  return [field.toLowerCase(), said.slice(colon + 1).trim()];
}

function ruleOf(path: string, allow: boolean): Rule {
  const anchored = path.endsWith('$');
  const pieces = (anchored ? path.slice(0, -1) : path).split(/\*+/).map(octets);
  const length = pieces.reduce((sum, piece) => sum + piece.length + 1, anchored ? 0 : -1);
  return { allow, pieces, anchored, length };
}

function judge(rules: Rule[]): (url: URL) => boolean {
  // Of two rules of one length the one that allows is meant.
  rules.sort((one, other) => other.length - one.length || Number(other.allow) - Number(one.allow));
  return ({ pathname, search }) => {
    if (pathname === '/robots.txt') return true;
    const path = octets(`${pathname}${search}`);
    return rules.find((rule) => matches(rule, path))?.allow ?? true;
  };
}

/** With each escape as the octet that it stands for. */
const octets = (text: string): string =>
  text.includes('%')
    ? text.replace(/%([0-9a-f]{2})/gi, (_, digits: string) => String.fromCharCode(Number.parseInt(digits, 16)))
    : text;

function matches({ pieces, anchored, length }: Rule, path: string): boolean {
  const first = pieces[0]!;
  const last = pieces.length - 1;
  if (!path.startsWith(first)) return false;
  if (last === 0) return !anchored || path.length === first.length;
  if (length - last > path.length + 1) return false;
  let at = first.length;
  for (let piece = 1; piece < (anchored ? last : last + 1); piece++) {
    const found = find(path, pieces[piece]!, at);
    if (found < 0) return false;
    at = found + pieces[piece]!.length;
  }
  return !anchored || (path.endsWith(pieces[last]!) && path.length - pieces[last]!.length >= at);
}

/** Up to this length a search step by step is as good as linear. */
const SHORT = 8;

/** As `indexOf`, in time linear in both lengths whatever they hold (Knuth, Morris, Pratt). */
function find(path: string, piece: string, from: number): number {
  if (piece.length <= SHORT) return path.indexOf(piece, from);
  const [text, word] = [Buffer.from(path, 'latin1'), Buffer.from(piece, 'latin1')];
  const back = new Uint16Array(word.length);
  for (let at = 1, same = 0; at < word.length; at++) {
    while (same > 0 && word[at] !== word[same]) same = back[same - 1]!;
    if (word[at] === word[same]) same++;
    back[at] = same;
  }
  for (let at = from, same = 0; at < text.length; at++) {
    while (same > 0 && text[at] !== word[same]) same = back[same - 1]!;
    if (text[at] === word[same]) same++;
    if (same === word.length) return at - same + 1;
  }
  return -1;
}
