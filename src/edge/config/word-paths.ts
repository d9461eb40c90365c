// The paths that a word of a command could mean, wherever they stand in it: programs read `-fPATH`, `--file=PATH`, `if=PATH`, `a:PATH`,
// and a shell reads whole scripts. No program is known here, so all that could be a path counts as one. Pure.
import { isAbsolute, resolve } from 'node:path';
import { fixedLimit } from '../../base/fixed-limit.ts';

/** A path that a word could mean. */
export interface WordPath {
  /** Absolute, normalised by its letters. */
  readonly path: string;
  /** The same with its `..`: the system follows links before it goes up. */
  readonly asWritten: string;
}

/** Of one command. */
const MOST_PATHS = 8192;
/** The system takes no longer one. */
const LONGEST_PATH = 4096;
/** Letters of options that may stand before a value, as in `-xzfFILE`. */
const MOST_LETTERS = 16;

const QUOTE = /['"`]/;
const END = /[\s'"`;|&<>(){}[\]$!#%^*?\\~]/;
const MARK = /[=:,@+]/;

/**
 * @param cwd where the command starts; undefined: not known, so only absolute paths are found
 * @throws LIMIT_EXCEEDED
 */
export function pathsInWords(words: Iterable<string>, cwd: string | undefined): WordPath[] {
  const paths = new Map<string, WordPath>();
  const add = (text: string) => {
    if (text === '' || (cwd === undefined && !isAbsolute(text))) return;
    const asWritten = isAbsolute(text) ? text : `${cwd}/${text}`;
    if (asWritten.length <= LONGEST_PATH) paths.set(asWritten, { path: resolve(asWritten), asWritten });
    if (paths.size > MOST_PATHS) throw tooMany();
  };
  for (const word of words) {
    addParts(word, add);
    const plain = word.replaceAll(/[\\'"]/g, '');
    if (plain !== word) addParts(plain, add);
  }
  return [...paths.values()];
}

/** From each place where a path could begin to each where it could end: the next sign of its kind, or the end of the word. */
function addParts(word: string, add: (text: string) => void): void {
  add(word);
  const ends = endsOf(word);
  for (const begin of beginningsOf(word)) {
    for (const end of new Set(ends.map((next) => next[begin]!))) {
      if (end - begin <= LONGEST_PATH) add(word.slice(begin, end));
    }
  }
}

/** For each place of a word, the next place of each kind where a path could end. */
function endsOf(word: string): number[][] {
  const kinds = [QUOTE, END, MARK].map((sign) => ({
    sign,
    next: new Array<number>(word.length + 1).fill(word.length),
  }));
  for (let at = word.length - 1; at >= 0; at--) {
    for (const { sign, next } of kinds) next[at] = sign.test(word[at]!) ? at : next[at + 1]!;
  }
  const whole = new Array<number>(word.length + 1).fill(word.length);
  return [...kinds.map(({ next }) => next), whole];
}

/** Where a path could begin: after each sign; in an option, after its letters and at its first slash; in a URL, after the host. */
function beginningsOf(word: string): Set<number> {
  const found = new Set<number>();
  const begin = (at: number) => {
    found.add(at);
    if (word[at] === '-') for (const place of valuesOfOption(word, at)) found.add(place);
    if (word.startsWith('//', at) && word[at - 1] === ':') found.add(tokenSlash(word, at + 2) ?? at);
  };
  begin(0);
  for (let at = 0; at < word.length; at++) if (END.test(word[at]!) || MARK.test(word[at]!)) begin(at + 1);
  return found;
}

function* valuesOfOption(word: string, at: number): Generator<number> {
  const slash = tokenSlash(word, at);
  if (slash !== undefined) yield slash;
  for (let place = at + 2; place < Math.min(word.length, at + 2 + MOST_LETTERS); place++) {
    if (END.test(word[place]!) || MARK.test(word[place]!)) return;
    yield place;
  }
}

/** The first slash before the next sign. */
function tokenSlash(word: string, from: number): number | undefined {
  for (let at = from; at < Math.min(word.length, from + LONGEST_PATH); at++) {
    if (word[at] === '/') return at;
    if (END.test(word[at]!) || MARK.test(word[at]!)) return undefined;
  }
  return undefined;
}

const tooMany = () =>
  fixedLimit(
    'the number of paths that the words of a command could mean',
    MOST_PATHS,
    'put a long script in a file, and name that file',
  );
