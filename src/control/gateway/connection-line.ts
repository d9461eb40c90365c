// Connections of one moment wait in line, in the order in which they came, and few begin in one turn of the event loop: a turn serves
// those that have begun first, so a herd is served at the pace of this replica. Nobody holds a place in it, so whoever begins and then
// says nothing keeps nobody waiting. It opens and ends nothing.

/** Connections that begin in one turn; to begin one costs about a millisecond. */
const PER_TURN = 8;

export class ConnectionLine<Connection extends { readonly destroyed: boolean }> {
  readonly #begin: (connection: Connection) => void;
  readonly #waiting = new Set<Connection>();
  #begun = 0;

  /** @param begin begins one that has not ended meanwhile */
  constructor(begin: (connection: Connection) => void) {
    this.#begin = begin;
  }

  /** How many wait. */
  get length(): number {
    return this.#waiting.size;
  }

  /** Begins it at once, or in its turn. */
  enter(connection: Connection): void {
    if (this.#waiting.size > 0 || this.#begun === PER_TURN) this.#waiting.add(connection);
    else this.#beginOne(connection);
  }

  #beginOne(connection: Connection): void {
    this.#begun++;
    if (this.#begun === 1) setImmediate(() => this.#next());
    this.#begin(connection);
  }

  #next(): void {
    this.#begun = 0;
    for (const connection of this.#waiting) {
      if (this.#begun === PER_TURN) return;
      this.#waiting.delete(connection);
      if (!connection.destroyed) this.#beginOne(connection);
    }
  }
}
