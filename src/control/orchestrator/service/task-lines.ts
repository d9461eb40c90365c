// One task at a time per key, in the order they came; different keys run beside each other. It bounds what may wait.
import { AppError } from '../../../base/errors.ts';

/** Tasks that may wait for one key. */
const MAX_WAITING = 1000;

export class TaskLines {
  readonly #tails = new Map<string, { last: Promise<unknown>; waiting: number }>();

  /** Runs the task when those before it have ended, however they ended. Throws RUN_BUSY when too many wait. */
  async run<T>(key: string, task: () => Promise<T>): Promise<T> {
    const box = this.#tails.get(key);
    if (!box) return this.#start(key, { last: Promise.resolve(), waiting: 0 }, task);
    if (box.waiting >= MAX_WAITING) throw new AppError('RUN_BUSY');
    return this.#start(key, box, task);
  }

  /** Keys with something to do. */
  get size(): number {
    return this.#tails.size;
  }

  #start<T>(key: string, box: { last: Promise<unknown>; waiting: number }, task: () => Promise<T>): Promise<T> {
    this.#tails.set(key, box);
    box.waiting++;
    const result = box.waiting === 1 ? task() : box.last.then(task);
    const settled = result.then(
      () => {},
      () => {},
    );
    box.last = settled.then(() => {
      box.waiting--;
      if (box.waiting === 0) this.#tails.delete(key);
    });
    return result;
  }
}
