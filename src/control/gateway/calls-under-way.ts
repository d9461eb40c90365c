// The direct calls that callers wait for at this replica, so that its shutdown waits for their ends and only then sends them on.
import type { Clock } from '../../base/clock.ts';
import { AppError } from '../../base/errors.ts';

export class CallsUnderWay {
  readonly #leaving = new AbortController();
  #open = 0;
  #empty = () => {};

  /** Aborts, with REPLICA_LEAVING, when the calls that are still open are not waited for any longer. Their runs go on. */
  get leaving(): AbortSignal {
    return this.#leaving.signal;
  }

  /** Counts a call in; what it returns counts it out, once. */
  enter(): () => void {
    this.#open += 1;
    let open = true;
    return () => {
      if (!open) return;
      open = false;
      this.#open -= 1;
      if (this.#open === 0) this.#empty();
    };
  }

  /** Resolves when no call is open, or after `ms`; what is open then is told to ask another replica. */
  async drain(clock: Clock, ms: number): Promise<void> {
    if (this.#open > 0) {
      await new Promise<void>((resolve) => {
        const stop = clock.after(ms, resolve);
        this.#empty = () => {
          stop();
          resolve();
        };
      });
    }
    this.#leaving.abort(new AppError('REPLICA_LEAVING'));
  }
}
