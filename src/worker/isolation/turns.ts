// Lets so many in at a time; the others wait in line. Whoever waits may give up.

export class Turns {
  #free: number;
  readonly #line: (() => void)[] = [];

  /** @param most how many at a time */
  constructor(most: number) {
    this.#free = most;
  }

  /** Does something in its turn. Throws the signal's reason when it aborts before. */
  async take<T>(stop: AbortSignal, work: () => Promise<T>): Promise<T> {
    stop.throwIfAborted();
    if (this.#free > 0) this.#free--;
    else await this.#wait(stop);
    try {
      return await work();
    } finally {
      const next = this.#line.shift();
      if (next) next();
      else this.#free++;
    }
  }

  #wait(stop: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      const enter = () => {
        stop.removeEventListener('abort', giveUp);
        resolve();
      };
      const giveUp = () => {
        this.#line.splice(this.#line.indexOf(enter), 1);
        reject(stop.reason);
      };
      this.#line.push(enter);
      stop.addEventListener('abort', giveUp, { once: true });
    });
  }
}
