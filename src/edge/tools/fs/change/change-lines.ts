// One change of a file at a time: two that append at once would each write what the other had not read.

export class ChangeLines {
  readonly #last = new Map<string, Promise<unknown>>();

  inLine<T>(path: string, act: () => Promise<T>): Promise<T> {
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
