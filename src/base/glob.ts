// The one dialect of patterns for files. Each place that takes one uses this module, and docs/cli.md describes it. Patterns come from models
// and names from strangers, so nothing here backtracks further than to the last star: a match takes at most pattern x path steps.
import { fixedLimit } from './fixed-limit.ts';
import { formOf } from './same-name.ts';

/** What the braces of one pattern may stand for. */
const MAX_ALTERNATIVES = 64;

/** A pattern for relative paths. Letter case counts, Unicode forms of a name do not. */
export interface Glob {
  /** Whether the file or folder at this path is meant. */
  matches(path: string): boolean;
  /** Whether something beneath the folder at this path may be meant. */
  reachesInto(folder: string): boolean;
  /** Whether this path is meant, lies beneath what is meant with no further leading dot, or, unless it is a file, leads to what is meant. */
  opens(path: string, isFile?: boolean): boolean;
}

/**
 * A pattern for a whole path: `*`, `?`, `[a-z]`, `[!a-z]`, `{a,b}`, and `**` for any folders. What is exactly the pattern is meant, too.
 * @throws LIMIT_EXCEEDED for too many alternatives
 */
export function globOf(pattern: string): Glob {
  const alternatives = alternativesOf(formOf(pattern));
  const some = (test: (parts: readonly Part[]) => boolean) => alternatives.some(test);
  return {
    matches(path) {
      const names = namesOf(path);
      return some((parts) => follow(parts, names).has(parts.length));
    },
    reachesInto(folder) {
      const names = namesOf(folder);
      return some((parts) => least(follow(parts, names)) < parts.length);
    },
    opens(path, isFile = false) {
      const names = namesOf(path);
      const lastDot = names.findLastIndex(isDot);
      return some((parts) => {
        let met = false;
        const after = follow(parts, names, (states, at) => {
          met ||= at >= lastDot && states.has(parts.length);
        });
        return met || (!isFile && after.size > 0);
      });
    },
  };
}

/** A pattern as List and Search take it: without a slash it is for the name alone, and an empty one means everything. */
export function nameGlob(pattern: string): (path: string) => boolean {
  if (pattern === '') return () => true;
  const glob = globOf(pattern);
  if (pattern.includes('/')) return (path) => glob.matches(path);
  return (path) => glob.matches(path.slice(path.lastIndexOf('/') + 1));
}

/** Whether a pattern as List and Search take it means files of one name, whatever letter case it allows: `[aA].md`, `**\/plan.md`. */
export const namesOne = (pattern: string): boolean => /^[^*?{]+$/.test(pattern.slice(pattern.lastIndexOf('/') + 1));

/** A path up to the folder from where on it is a pattern, and that pattern. Without one, all is folder. */
export function splitGlob(text: string): { readonly folder: string; readonly glob: string } {
  const at = firstSign(text);
  if (at < 0) return { folder: text, glob: '' };
  const slash = text.lastIndexOf('/', at);
  return { folder: slash === 0 ? '/' : text.slice(0, Math.max(0, slash)), glob: text.slice(slash + 1) };
}

/** A path as a pattern for itself alone. */
export const literalGlob = (path: string): string => path.replace(/[*?[{]/g, '[$&]');

/** One name of a pattern: a test, or `**`. */
type Part = ((name: string) => boolean) | typeof DEEP;
const DEEP = '**';

const isDot = (name: string): boolean => name.startsWith('.');
const namesOf = (path: string): string[] => formOf(path).split('/').filter(isName);
const isName = (part: string): boolean => part !== '' && part !== '.';
const least = (numbers: ReadonlySet<number>): number => Math.min(...numbers, Number.POSITIVE_INFINITY);

/** The pattern without braces, several times if need be, and the pattern as a name. */
function alternativesOf(pattern: string): (readonly Part[])[] {
  if (firstSign(pattern) < 0) return [pattern.split('/').filter(isName).map(exactly)];
  // Composed again: what stood in braces may join with what stood beside them.
  const written = [...new Set(withoutBraces(pattern).map(formOf))].map((one) => {
    const parts = one
      .split('/')
      .filter(isName)
      .map((part): Part => (part === DEEP ? DEEP : namePattern(part)));
    // At the end it means what is beneath, not the folder itself.
    return parts.at(-1) === DEEP ? [...parts, namePattern('*')] : parts;
  });
  return [...written, pattern.split('/').filter(isName).map(exactly)];
}

const exactly =
  (part: string): Part =>
  (name) =>
    name === part;

/** Where in the pattern one may be after these names. `each` is told after each name, by its place. */
function follow(
  parts: readonly Part[],
  names: readonly string[],
  each?: (states: ReadonlySet<number>, at: number) => void,
): ReadonlySet<number> {
  let states = skipDeep(parts, new Set([0]));
  for (const [at, name] of names.entries()) {
    const next = new Set<number>();
    for (const state of states) {
      const part = parts[state];
      if (part === undefined) continue;
      if (part === DEEP) {
        if (!isDot(name)) next.add(state);
      } else if (part(name)) next.add(state + 1);
    }
    states = skipDeep(parts, next);
    if (states.size === 0) return states;
    each?.(states, at);
  }
  return states;
}

/** `**` also stands for no folder at all. */
function skipDeep(parts: readonly Part[], states: Set<number>): Set<number> {
  for (const state of states) if (parts[state] === DEEP) states.add(state + 1);
  return states;
}

/** A test for one name, for patterns without braces. Both must be in one Unicode form. A leading dot is matched only by a dot. */
export function namePattern(pattern: string): (name: string) => boolean {
  const signs = signsOf(pattern);
  if (signs.every((sign) => typeof sign === 'string')) return (name) => name === pattern;
  const dotted = isDot(pattern);
  return (name) => (dotted || !isDot(name)) && isLike(signs, [...name]);
}

const STAR = Symbol('any letters');
type Sign = string | typeof STAR | ((letter: string) => boolean);

/** Several stars count as one. */
function signsOf(pattern: string): Sign[] {
  const signs: Sign[] = [];
  for (let at = 0; at < pattern.length; ) {
    const letter = String.fromCodePoint(pattern.codePointAt(at)!);
    const close = letter === '[' ? classEnd(pattern, at) : -1;
    if (close >= 0) signs.push(classOf([...pattern.slice(at + 1, close)]));
    else if (letter === '?') signs.push(() => true);
    else if (letter !== '*') signs.push(letter);
    else if (signs.at(-1) !== STAR) signs.push(STAR);
    at = close >= 0 ? close + 1 : at + letter.length;
  }
  return signs;
}

/** Where a class ends that begins here; -1 when this bracket is a letter. A closing bracket that comes first belongs to the class. */
function classEnd(pattern: string, open: number): number {
  const first = open + (pattern[open + 1] === '!' || pattern[open + 1] === '^' ? 2 : 1);
  const close = pattern.indexOf(']', first + 1);
  return close >= 0 && pattern.slice(open, close).includes('/') ? -1 : close;
}

function classOf(inside: readonly string[]): (letter: string) => boolean {
  const not = inside[0] === '!' || inside[0] === '^';
  const members = not ? inside.slice(1) : inside;
  const ranges: (readonly [number, number])[] = [];
  for (let at = 0; at < members.length; ) {
    const isRange = members[at + 1] === '-' && at + 2 < members.length;
    ranges.push([code(members[at]!), code(members[isRange ? at + 2 : at]!)]);
    at += isRange ? 3 : 1;
  }
  return (letter) => ranges.some(([from, to]) => from <= code(letter) && code(letter) <= to) !== not;
}

const code = (letter: string): number => letter.codePointAt(0)!;

/** The usual two pointers: after a mismatch the last star takes one letter more. */
function isLike(signs: readonly Sign[], letters: readonly string[]): boolean {
  let [at, i, star, mark] = [0, 0, -1, 0];
  while (i < letters.length) {
    const sign = signs[at];
    if (sign === STAR) {
      star = at++;
      mark = i;
    } else if (sign === letters[i] || (typeof sign === 'function' && sign(letters[i]!))) {
      at++;
      i++;
    } else if (star >= 0) {
      at = star + 1;
      i = ++mark;
    } else return false;
  }
  while (signs[at] === STAR) at++;
  return at === signs.length;
}

/** Braces with a comma in them; others are letters, and so are those in a class. */
interface Group {
  readonly close: number;
  readonly commas: readonly number[];
}

function groupsOf(pattern: string): Map<number, Group> {
  const groups = new Map<number, Group>();
  const open: { readonly at: number; readonly commas: number[] }[] = [];
  for (let at = 0; at < pattern.length; at++) {
    const letter = pattern[at];
    if (letter === '[') at = Math.max(at, classEnd(pattern, at));
    else if (letter === '{') open.push({ at, commas: [] });
    else if (letter === ',') open.at(-1)?.commas.push(at);
    else if (letter === '}') {
      const group = open.pop();
      if (group && group.commas.length > 0) groups.set(group.at, { close: at, commas: group.commas });
    }
  }
  return groups;
}

function firstSign(pattern: string): number {
  const groups = groupsOf(pattern);
  for (let at = 0; at < pattern.length; at++) {
    const letter = pattern[at];
    if (letter === '*' || letter === '?' || groups.has(at)) return at;
    if (letter === '[' && classEnd(pattern, at) >= 0) return at;
  }
  return -1;
}

function withoutBraces(pattern: string): string[] {
  const groups = groupsOf(pattern);
  const within = (from: number, to: number): string[] => {
    let texts = [''];
    let plain = from;
    for (let at = from; at < to; at++) {
      const group = groups.get(at);
      if (!group) continue;
      const before = pattern.slice(plain, at);
      const ends = [...group.commas, group.close];
      const choices = ends.flatMap((end, n) => within((n === 0 ? at : ends[n - 1]!) + 1, end));
      if (texts.length * choices.length > MAX_ALTERNATIVES) throw tooMany();
      texts = texts.flatMap((text) => choices.map((choice) => text + before + choice));
      at = group.close;
      plain = at + 1;
    }
    return texts.map((text) => text + pattern.slice(plain, to));
  };
  return within(0, pattern.length);
}

const tooMany = () =>
  fixedLimit(
    'the number of alternatives in the braces of a pattern',
    MAX_ALTERNATIVES,
    'use fewer, or several patterns',
  );
