// Tasks one after the other, beside a reader that goes on reading. The first failure ends the line.
import { AppError } from '../../base/errors.ts';

export class SerialTasks {
  readonly #max: number;
  readonly #failed: (error: unknown) => void;
  #last: Promise<void> = Promise.resolve();
  #waiting = 0;
  #ended = false;

  /** @param max tasks that may wait; @param failed told once, after which no further task begins */
  constructor(max: number, failed: (error: unknown) => void) {
    this.#max = max;
    this.#failed = failed;
  }

  /** Adds a task. Throws LIMIT_EXCEEDED when too many wait. */
  add(task: () => Promise<void>): void {
    if (this.#waiting >= this.#max) {
      throw new AppError('LIMIT_EXCEEDED', {
        what: 'the number of frames that wait for the database',
        limit: this.#max,
        setting: 'nothing; send fewer at once',
      });
    }
    this.#waiting++;
    this.#last = this.#last.then(async () => {
      try {
        if (!this.#ended) await task();
      } catch (error) {
        this.end();
        this.#failed(error);
      } finally {
        this.#waiting--;
      }
    });
  }

  /** No further task begins. */
  end(): void {
    this.#ended = true;
  }
}
