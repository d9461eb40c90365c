// A signal that ends a piece of work in time, for work outside of a job.
import type { Clock } from '../../base/clock.ts';
import { AppError } from '../../base/errors.ts';

/** Runs `work`; after `ms` its signal aborts with DEADLINE_EXCEEDED. */
export async function withDeadline<T>(clock: Clock, ms: number, work: (signal: AbortSignal) => Promise<T>): Promise<T> {
  const late = new AbortController();
  const stop = clock.after(ms, () => late.abort(new AppError('DEADLINE_EXCEEDED', { after: `${ms} ms` })));
  try {
    return await work(late.signal);
  } finally {
    stop();
  }
}
