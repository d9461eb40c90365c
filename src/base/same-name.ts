// When two names are one name: canonically equivalent in Unicode, as `é` in one sign and in two. What looks alike but means something
// else (`ﬁ` and `fi`) stays two. Says how names are compared, and which entry of a folder a name means. Opens no file.

import { lstatSync, opendirSync } from 'node:fs';
import { opendir } from 'node:fs/promises';
import { join } from 'node:path';
import { AppError } from './errors.ts';
import { fixedLimit } from './fixed-limit.ts';
import { hasLongRun, normalForm } from './normal-form.ts';

/**
 * What all forms of a name have in common (NFC); a name with a long run of marks is the same as itself only. Also for paths, part by part:
 * such a run in one part says nothing of the others.
 */
export function formOf(path: string): string {
  if (!hasLongRun(path)) return normalForm(path, 'NFC');
  return path
    .split('/')
    .map((name) => (hasLongRun(name) ? name : normalForm(name, 'NFC')))
    .join('/');
}

export const sameName = (a: string, b: string): boolean => a === b || formOf(a) === formOf(b);

/** Whether a name can be written in another form; the three of ASCII are the Kelvin sign, the Greek question mark and varia. */
const hasForms = (name: string): boolean => /[\u0080-\u{10ffff}K;`]/u.test(name);

/** Names of one folder that are looked at to find the one that is meant. */
const MOST_NAMES = 100_000;

/**
 * The one entry of a folder that has this name in another form; asked only when none has exactly this name. Undefined when there is none,
 * or the folder cannot be read. @throws NAME_AMBIGUOUS, LIMIT_EXCEEDED
 */
export async function otherForm(folder: string, name: string): Promise<string | undefined> {
  if (!hasForms(name)) return undefined;
  const search = new Search(name);
  const entries = await opendir(folder, { bufferSize: 256 }).catch(() => undefined);
  if (entries) for await (const entry of entries) search.look(entry.name);
  return search.found;
}

/**
 * A path (absolute, normalised) as the disk writes it; undefined when nothing is there. Each part is taken exactly where that exists, else
 * in its other form. @throws NAME_AMBIGUOUS, LIMIT_EXCEEDED
 */
export function onDisk(path: string): string | undefined {
  if (isThere(path)) return path;
  if (!hasForms(path)) return undefined;
  let at = '/';
  for (const part of path.split('/').filter((each) => each !== '')) {
    const exact = join(at, part);
    const name = isThere(exact) ? part : otherFormNow(at, part);
    if (name === undefined) return undefined;
    at = join(at, name);
  }
  return at;
}

function otherFormNow(folder: string, name: string): string | undefined {
  if (!hasForms(name)) return undefined;
  const search = new Search(name);
  let entries: ReturnType<typeof opendirSync>;
  try {
    entries = opendirSync(folder);
  } catch {
    return undefined;
  }
  try {
    for (let entry = entries.readSync(); entry; entry = entries.readSync()) search.look(entry.name);
  } finally {
    entries.closeSync();
  }
  return search.found;
}

function isThere(path: string): boolean {
  try {
    return lstatSync(path, { throwIfNoEntry: false }) !== undefined;
  } catch {
    return false;
  }
}

class Search {
  readonly #form: string;
  readonly #found: string[] = [];
  #seen = 0;

  constructor(name: string) {
    this.#form = formOf(name);
  }

  look(name: string): void {
    if (++this.#seen > MOST_NAMES) {
      throw fixedLimit(
        'the number of names among which one in another form is looked for',
        MOST_NAMES,
        'write the name exactly as its folder has it (`ls` shows it), or divide the folder',
      );
    }
    if (formOf(name) === this.#form) this.#found.push(name);
  }

  get found(): string | undefined {
    if (this.#found.length > 1) throw ambiguous(this.#found);
    return this.#found[0];
  }
}

/** Several names that look the same, told so that they can be told apart. */
export const ambiguous = (names: readonly string[]): AppError =>
  new AppError('NAME_AMBIGUOUS', { names: names.slice(0, 4).sort().map(spelled).join(' and ') });

/** Everything but plain ASCII as `\u{301}`. */
const spelled = (name: string): string =>
  `"${name.replace(/[^ -~]/gu, (sign) => `\\u{${sign.codePointAt(0)!.toString(16)}}`)}"`;
