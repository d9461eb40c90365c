// Which files of an allowed folder their owner leaves out: by `.bowlineignore`, by `.gitignore` where that is asked for, and by patterns of
// the one request. What it reads decides only what is not shared.
import { closeSync, constants, fstatSync, openSync, readFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { AppError } from '../../base/errors.ts';
import { IgnoreRules, MAX_RULES } from './ignore-rules.ts';

export interface IgnoreWish {
  /** Patterns as in `.gitignore`, for paths below the folder that is shared. */
  readonly excludes?: readonly string[];
  readonly gitignore?: boolean;
}

const MAX_BYTES = 64 << 10;
/** Steps of all matches of one request together: some seconds. */
const MAX_STEPS = 400_000_000;

export class IgnoredPaths {
  readonly #root: string;
  readonly #names: readonly string[];
  readonly #base: string;
  readonly #excludes: IgnoreRules;
  readonly #rules = new Map<string, readonly IgnoreRules[]>();
  readonly #folders = new Map<string, boolean>();
  #steps = MAX_STEPS;

  /** @param root the allowed folder @param base the folder that patterns of the request are for */
  constructor(root: string, base: string, { excludes = [], gitignore = false }: IgnoreWish) {
    this.#root = root;
    this.#base = base;
    this.#excludes = new IgnoreRules(excludes);
    this.#names = gitignore ? ['.gitignore', '.bowlineignore'] : ['.bowlineignore'];
  }

  /** Throws FILE_UNREADABLE for a file of rules that cannot be read, and for too much work: what they leave out must not be shared. */
  has(path: string, isFolder: boolean): boolean {
    const above = dirname(path);
    if (path === this.#root) return false;
    if (above !== path && path.startsWith(this.#root) && above.length >= this.#root.length && this.#folder(above))
      return true;
    return this.#judge(path, isFolder);
  }

  #folder(path: string): boolean {
    const known = this.#folders.get(path) ?? this.has(path, true);
    this.#folders.set(path, known);
    return known;
  }

  /** Rules nearer to the file count more. */
  #judge(path: string, isFolder: boolean): boolean {
    let out = false;
    for (const folder of foldersTo(this.#root, path)) {
      for (const rules of this.#rulesIn(folder))
        out = rules.judge(relative(folder, path), isFolder, this.#spend) ?? out;
    }
    const below = relative(this.#base, path);
    return (
      out || (below !== '' && !below.startsWith('..') && this.#excludes.judge(below, isFolder, this.#spend) === true)
    );
  }

  readonly #spend = (steps: number): void => {
    this.#steps -= steps;
    if (this.#steps >= 0) return;
    const message = `the patterns in ${this.#names.join(' and ')} files say what may not be shared, and there are too many of them, or too many with several stars, to match all files below ${this.#base}; nothing of it is shared`;
    throw new AppError('FILE_UNREADABLE', {}, { message });
  };

  #rulesIn(folder: string): readonly IgnoreRules[] {
    let rules = this.#rules.get(folder);
    if (!rules) {
      rules = this.#names.flatMap((name) => readRules(join(folder, name)) ?? []);
      this.#rules.set(folder, rules);
    }
    return rules;
  }
}

/** The folders from the root to the one that holds the path. */
function foldersTo(root: string, path: string): string[] {
  const folders: string[] = [];
  for (let at = dirname(path); at.length >= root.length; at = dirname(at)) {
    folders.unshift(at);
    if (at === root || at === dirname(at)) break;
  }
  return folders;
}

function readRules(file: string): IgnoreRules | undefined {
  let descriptor: number;
  try {
    descriptor = openSync(file, constants.O_RDONLY | constants.O_NONBLOCK);
  } catch (error) {
    if (['ENOENT', 'ENOTDIR'].includes((error as NodeJS.ErrnoException).code ?? '')) return undefined;
    throw unreadable(file, 'it cannot be opened', error);
  }
  try {
    const stat = fstatSync(descriptor);
    if (stat.isDirectory()) return undefined;
    if (!stat.isFile() || stat.size > MAX_BYTES)
      throw unreadable(file, `it is no file of at most ${MAX_BYTES >> 10} KiB`);
    const lines = readFileSync(descriptor, 'utf8')
      .replace(/^\ufeff/, '')
      .split('\n');
    if (lines.length > MAX_RULES) throw unreadable(file, `it has more than ${MAX_RULES} lines`);
    return new IgnoreRules(lines);
  } finally {
    closeSync(descriptor);
  }
}

const unreadable = (file: string, why: string, cause?: unknown) =>
  new AppError(
    'FILE_UNREADABLE',
    {},
    { cause, message: `${file} says what may not be shared, and ${why}; nothing below it is shared` },
  );
