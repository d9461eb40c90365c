// One change of a path at a time: two that append at once would each write what the other had not read.

export class ChangeLines {
  readonly #last = new Map<string, Promise<unknown>>();

  /** Lines are joined in the order of the paths, so that two never wait for each other. */
  inLine<T>(paths: readonly string[], act: () => Promise<T>): Promise<T> {
    const ordered = [...new Set(paths)].sort();
    return ordered.reduceRight<() => Promise<T>>((next, path) => () => this.#inOne(path, next), act)();
  }

  #inOne<T>(path: string, act: () => Promise<T>): Promise<T> {
    const result = (this.#last.get(path) ?? Promise.resolve()).then(act);
    const settled = result
      .catch(() => undefined)
      .then(() => {
        if (this.#last.get(path) === settled) this.#last.delete(path);
      });
    this.#last.set(path, settled);
    return result;
  }
}
