// A time limit and a bound around calls to Redis, and their failures as AppErrors. Knows no commands.
import type { Clock } from '../../base/clock.ts';
import { AppError } from '../../base/errors.ts';
import { redisProblem } from './redis-connection.ts';

type Unavailable = 'QUEUE_UNAVAILABLE' | 'BUS_UNAVAILABLE';

export interface RedisCallLimits {
  /** Milliseconds until a call is given up. */
  readonly limitMs: number;
  /** Calls that may wait for an answer at once; beyond it they fail at once. */
  readonly waiting: number;
  /** Called before each call, to gather what is sent. */
  readonly before?: () => void;
}

export class RedisCalls {
  readonly #clock: Clock;
  readonly #reason: Unavailable;
  readonly #limits: RedisCallLimits;
  #waiting = 0;

  constructor(clock: Clock, reason: Unavailable, limits: RedisCallLimits) {
    this.#clock = clock;
    this.#reason = reason;
    this.#limits = limits;
  }

  /**
   * Runs one call. Throws QUEUE_UNAVAILABLE or BUS_UNAVAILABLE when it failed or took too long; whether it took effect is
   * not known then. A result that comes after that goes to `late`.
   */
  run<T>(start: () => Promise<T>, late?: (result: T) => void): Promise<T> {
    const { limitMs, waiting } = this.#limits;
    if (this.#waiting >= waiting) return Promise.reject(this.failure(`${waiting} calls wait for Redis already`));
    this.#waiting++;
    this.#limits.before?.();
    return new Promise<T>((resolve, reject) => {
      let over = false;
      const stop = this.#clock.after(limitMs, () => {
        over = true;
        reject(this.failure(`no answer within ${limitMs} ms`));
      });
      const settle = (tell: () => void) => {
        this.#waiting--;
        stop();
        if (!over) tell();
      };
      start().then(
        (result) => {
          settle(() => resolve(result));
          if (over) late?.(result);
        },
        (error: unknown) => settle(() => reject(this.failure(redisProblem(error), error))),
      );
    });
  }

  failure(problem: string, cause?: unknown): AppError {
    if (cause instanceof AppError) return cause;
    return new AppError(this.#reason, { problem }, cause === undefined ? {} : { cause });
  }
}
