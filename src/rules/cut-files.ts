// Cuts the files that were read into units with their words, in slices: the event loop it shares is never held for long.
import type { FoundIn, ReadFile } from './evidence.ts';
import { type Unit, unitsOf } from './quotable.ts';
import { wordsIn } from './words.ts';

/** A unit with where it comes from and its words. */
export interface Located extends Unit {
  readonly path: string;
  readonly words: readonly string[];
  /** Set where it stands in a passage of a collection. */
  readonly found?: FoundIn;
  /** Where it stands in a document with pages; 0 elsewhere. */
  readonly page: number;
}

export type CutFiles = ReadonlyMap<ReadFile, readonly Located[]>;

/** Units between two breaths. */
const SLICE = 400;

/** The units of every file whose text is there. Throws the signal's reason. */
export async function cutFiles(files: readonly ReadFile[], signal: AbortSignal): Promise<CutFiles> {
  const cut = new Map<ReadFile, readonly Located[]>();
  for (const file of files) {
    if (file.text === undefined) continue;
    const located: Located[] = [];
    for (const [index, unit] of unitsOf(file.text, file.firstLine, isProse(file.path)).entries()) {
      const above = file.found ? { found: file.found, headings: [...file.found.headings, ...unit.headings] } : {};
      const page = file.pageAt?.(unit.startLine) ?? file.found?.page ?? 0;
      located.push({ ...unit, ...above, path: file.path, page, words: wordsIn(unit.text) });
      if (index % SLICE === SLICE - 1) await new Promise((resolve) => setImmediate(resolve));
      signal.throwIfAborted();
    }
    cut.set(file, located);
  }
  return cut;
}

const isProse = (path: string): boolean =>
  /\.(?:md|markdown|txt|text|rst|adoc|org|tex|html?|pdf|log)$/i.test(path) || !/\.\w+$/.test(path);
