// What a worker says of an attempt that is not committed yet, in its order, until the commit is told. Bounded.
export class KeptBack {
  readonly #maxBytes: number;
  #bytes = 0;
  #said: (() => void)[] = [];
  #full = false;

  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
  }

  /** Keeps it; false from when it would be too much on: then nothing more is kept. @param bytes what it weighs */
  add(bytes: number, say: () => void): boolean {
    if (this.#full) return false;
    this.#bytes += bytes;
    this.#full = this.#bytes > this.#maxBytes;
    if (!this.#full) this.#said.push(say);
    return !this.#full;
  }

  /** Something else instead of all that was kept; what comes from now on is not kept. */
  replace(say: () => void): void {
    this.#full = true;
    this.#said = [say];
  }

  /** Its session is over: the worker will say all of it again. */
  clear(): void {
    if (this.#full) return;
    this.#said = [];
    this.#bytes = 0;
  }

  /** Everything that was kept, in its order. */
  all(): readonly (() => void)[] {
    return this.#said;
  }
}
