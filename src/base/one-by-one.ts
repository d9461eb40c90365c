// Work under a key in the order in which it came: each begins when the one before has ended, however it ended.

export class OneByOne {
  readonly #last = new Map<string, Promise<unknown>>();

  /** @param key empty: waits for nothing */
  async run<T>(key: string, work: () => Promise<T>): Promise<T> {
    if (key === '') return work();
    const before = this.#last.get(key);
    const own = before ? before.then(work, work) : work();
    this.#last.set(key, own);
    try {
      return await own;
    } finally {
      if (this.#last.get(key) === own) this.#last.delete(key);
    }
  }

  /** Resolves when all that came under the key so far has ended. */
  async ended(key: string): Promise<void> {
    await this.#last.get(key)?.catch(() => {});
  }
}
