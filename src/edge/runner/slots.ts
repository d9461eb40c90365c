// A fixed number of places and a bounded line of those who wait for one.
import { AppError } from '../../base/errors.ts';

export class Slots {
  readonly #queueLimit: number;
  #free: number;
  readonly #waiting: (() => void)[] = [];

  constructor(places: number, queueLimit: number) {
    this.#free = places;
    this.#queueLimit = queueLimit;
  }

  /** Resolves with how to give the place back. @throws EDGE_BUSY when the line is full; the signal's reason when aborted */
  async reserve(signal: AbortSignal): Promise<() => void> {
    if (this.#free > 0) this.#free--;
    else {
      if (this.#waiting.length >= this.#queueLimit) throw new AppError('EDGE_BUSY');
      await this.#wait(signal);
    }
    let held = true;
    return () => {
      if (held) this.#give();
      held = false;
    };
  }

  #wait(signal: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      const enter = () => {
        signal.removeEventListener('abort', leave);
        resolve();
      };
      const leave = () => {
        const at = this.#waiting.indexOf(enter);
        if (at >= 0) this.#waiting.splice(at, 1);
        reject(signal.reason);
      };
      if (signal.aborted) return leave();
      signal.addEventListener('abort', leave, { once: true });
      this.#waiting.push(enter);
    });
  }

  /** The place goes to the next in line, if any. */
  #give(): void {
    const next = this.#waiting.shift();
    if (next) next();
    else this.#free++;
  }
}
