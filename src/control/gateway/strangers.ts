// What connections without a credential hold at once, all together in bytes and each in calls: both are few, and whoever holds
// most makes room; of those who hold about as much, who has held it longest, because who is honest is quick. It counts; it
// reads nothing.

export interface StrangerLimits {
  /** Calls without a credential at once on one connection. */
  readonly calls: number;
  /** Bytes that calls of all such connections may take at once. */
  readonly bytes: number;
}

interface Held {
  bytes: number;
  calls: number;
}

export class Strangers<Connection extends object> {
  readonly #limits: StrangerLimits;
  readonly #end: (connection: Connection) => void;
  readonly #held = new Map<Connection, Held>();
  readonly #known = new WeakSet<Connection>();
  #bytes = 0;

  /** @param end ends a connection that holds most while there is too much */
  constructor(limits: StrangerLimits, end: (connection: Connection) => void) {
    this.#limits = limits;
    this.#end = end;
  }

  /** Bytes that are counted now. */
  get bytes(): number {
    return this.#bytes;
  }

  /**
   * Counts a call that may take so many bytes, unless its connection has shown a credential; returns how to give them back.
   * Undefined where its connection has too many calls `without` a credential.
   */
  enter(connection: Connection, bytes: number, without: boolean): (() => void) | undefined {
    if (this.#known.has(connection)) return () => {};
    const held = this.#held.get(connection) ?? { bytes: 0, calls: 0 };
    if (without && held.calls >= this.#limits.calls) return undefined;
    this.#held.set(connection, held);
    held.calls += without ? 1 : 0;
    held.bytes += bytes;
    this.#bytes += bytes;
    while (this.#bytes > this.#limits.bytes) this.#endGreediest();
    let left = false;
    return () => {
      if (left || this.#held.get(connection) !== held) return;
      left = true;
      held.calls -= without ? 1 : 0;
      held.bytes -= bytes;
      this.#bytes -= bytes;
      if (held.bytes === 0) this.#held.delete(connection);
    };
  }

  /** It showed a valid credential: what it holds counts no more. */
  admit(connection: Connection): void {
    this.#known.add(connection);
    this.#drop(connection);
  }

  #endGreediest(): void {
    let [greediest, most]: [Connection | undefined, number] = [undefined, -1];
    // In the order in which they began to hold something.
    for (const [connection, { bytes }] of this.#held) {
      const size = Math.floor(Math.log2(bytes));
      if (size > most) [greediest, most] = [connection, size];
    }
    if (!greediest) return;
    this.#drop(greediest);
    this.#end(greediest);
  }

  #drop(connection: Connection): void {
    this.#bytes -= this.#held.get(connection)?.bytes ?? 0;
    this.#held.delete(connection);
  }
}
