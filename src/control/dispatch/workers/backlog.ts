// Capabilities of which free jobs wait in the store, as far as this replica heard. A hint: it saves looking there for nothing.

export class Backlog {
  /** By capability: grows with each word of it, so that a look that began before does not take it back. */
  readonly #heard = new Map<string, number>();
  readonly #listeners: ((capability: string, tell: boolean) => void)[] = [];
  #count = 0;

  /** Something of this capability waits in the store. With `tell` the other replicas hear it too. */
  flag(capability: string, tell = false): void {
    this.#heard.set(capability, ++this.#count);
    // Each time: what is known here says nothing of what others know, nor whether somebody looks.
    for (const listener of this.#listeners) listener(capability, tell);
  }

  /** Undefined when nothing was heard, else what `clear` wants to know. */
  heard(capability: string): number | undefined {
    return this.#heard.get(capability);
  }

  /** Nothing of it that could be served was found, looking since `heard`. */
  clear(capability: string, heard: number): void {
    if (this.#heard.get(capability) === heard) this.#heard.delete(capability);
  }

  /** Hears of each word of it, so that none waits for somebody to look; with `tell` others are to look there too. */
  onFlag(listener: (capability: string, tell: boolean) => void): void {
    this.#listeners.push(listener);
  }
}
