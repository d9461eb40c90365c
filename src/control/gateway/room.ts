// What one session has sent and nobody has finished yet, in bytes: its reader waits while there is too much.

export class Room {
  readonly #limit: number;
  #taken = 0;
  #waiting: (() => void)[] = [];

  constructor(limit: number) {
    this.#limit = limit;
  }

  /** Whether more may come; something larger than the whole limit may come alone. */
  get free(): boolean {
    return this.#taken < this.#limit;
  }

  /** Takes room, whether or not there is any; returns how to give it back. */
  reserve(bytes: number): () => void {
    let held = bytes;
    this.#taken += held;
    return () => {
      this.#taken -= held;
      held = 0;
      if (this.free) for (const wake of this.#waiting.splice(0)) wake();
    };
  }

  /** Resolves when there is room again. */
  async wait(): Promise<void> {
    while (!this.free) await new Promise<void>((resolve) => this.#waiting.push(resolve));
  }
}
