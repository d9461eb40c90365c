// Orders files that are told by their names alone: by which of the terms each holds, those of few files before those of many, a term
// in its name for two inside. How often a term stands in a file has no say. Pure; what is kept is bounded.

/** A file, with the places of the terms that it holds among those that were asked for. */
export interface HoldingFile {
  readonly inName: readonly number[];
  readonly inside: readonly number[];
  readonly changedMs: number;
}

export class FileRanking<T extends HoldingFile> {
  readonly #most: number;
  /** How many files hold each of the terms. */
  readonly #holders = new Map<number, number>();
  #files: T[] = [];
  #seen = 0;
  /** Whether any was dropped. */
  cut = false;

  /** @param most files that are wanted */
  constructor(most: number) {
    this.#most = most;
  }

  add(file: T): void {
    for (const term of new Set([...file.inName, ...file.inside]))
      this.#holders.set(term, (this.#holders.get(term) ?? 0) + 1);
    this.#seen++;
    this.#files.push(file);
    if (this.#files.length < 4 * this.#most) return;
    this.#files = this.best.slice(0, 2 * this.#most);
    this.cut = true;
  }

  get any(): boolean {
    return this.#files.length > 0;
  }

  /** The best first; among equals the newest. Files without any term stay as they came. */
  get best(): T[] {
    const scored = this.#files.map((file) => ({ file, score: this.#score(file) }));
    scored.sort((a, b) => b.score - a.score || (a.score > 0 ? b.file.changedMs - a.file.changedMs : 0));
    return scored.map(({ file }) => file);
  }

  /** Terms weigh by the logarithm of how rare they are among the files found, as in any search (inverse document frequency). */
  #score({ inName, inside }: HoldingFile): number {
    const weight = (term: number) => Math.log(1 + this.#seen / (this.#holders.get(term) ?? 1));
    const sum = (terms: readonly number[]) => terms.reduce((total, term) => total + weight(term), 0);
    return 2 * sum(inName) + sum(inside.filter((term) => !inName.includes(term)));
  }
}
