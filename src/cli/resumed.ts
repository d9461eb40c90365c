// A stream that outlives its connection: when that breaks it is opened again, after growing waits, while the other side may come back.
import { setTimeout as delay } from 'node:timers/promises';
import { fullJitter } from '../base/backoff.ts';
import { AppError } from '../base/errors.ts';

/** How long a side that went away is waited for. */
const PATIENCE_MS = 60_000;

export interface ResumedOptions<T> {
  /** Opens it, or opens it again where it was left. */
  readonly open: () => AsyncIterable<T>;
  /** Whether the other side may be back after this error. @param isLost whether it is being waited for already */
  readonly mayReturn: (error: AppError, isLost: boolean) => boolean;
  /** Called when the other side went away. */
  readonly onLost: () => void;
  readonly signal: AbortSignal;
}

/** Ends with the stream, or when the signal aborts. Throws what is no lost connection, and the last error when nobody comes back. */
export async function* resumed<T>(options: ResumedOptions<T>): AsyncGenerator<T, void, undefined> {
  const { open, mayReturn, onLost, signal } = options;
  let lostAt: number | undefined;
  for (let attempt = 1; !signal.aborted; attempt++) {
    try {
      for await (const each of open()) {
        lostAt = undefined;
        attempt = 1;
        yield each;
      }
      return;
    } catch (error) {
      if (signal.aborted) return;
      if (!(error instanceof AppError) || !mayReturn(error, lostAt !== undefined)) throw error;
      if (lostAt === undefined) onLost();
      lostAt ??= performance.now();
      if (performance.now() - lostAt > PATIENCE_MS) throw error;
    }
    // An abort ends the wait, and the loop with it.
    await delay(fullJitter(attempt, 200, 3_000), undefined, { signal }).catch(() => {});
  }
}
