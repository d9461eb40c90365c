// What one session has sent and nobody has finished yet, in bytes: its reader waits while there is too much.

export class InboundBudget {
  readonly #limit: number;
  #reserved = 0;
  #waiting: (() => void)[] = [];

  constructor(limit: number) {
    this.#limit = limit;
  }

  /** Whether more may come; something larger than the whole limit may come alone. */
  get free(): boolean {
    return this.#reserved < this.#limit;
  }

  /** Reserves bytes, whether or not there is room; returns how to give it back. */
  reserve(bytes: number): () => void {
    let held = bytes;
    this.#reserved += held;
    return () => {
      this.#reserved -= held;
      held = 0;
      if (this.free) for (const wake of this.#waiting.splice(0)) wake();
    };
  }

  /** Resolves when there is room again. */
  async wait(): Promise<void> {
    while (!this.free) await new Promise<void>((resolve) => this.#waiting.push(resolve));
  }
}
