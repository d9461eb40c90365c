// Keeps the health board true: this replica is ready while it can commit and does not leave. Redis away is told apart, because
// what begins on this replica still ends on it.
import { type Clock, sleep } from '../base/clock.ts';
import { AppError } from '../base/errors.ts';
import type { Logger } from '../base/logger.ts';
import { sqlProblem } from '../base/postgres.ts';
import { postgresCause } from '../base/postgres-cause.ts';
import type { HealthBoard } from '../control/gateway/health.ts';

export interface ReadinessParts {
  readonly health: HealthBoard;
  /** Resolves when the database would take a commit. */
  readonly database: () => Promise<unknown>;
  /** Resolves when it answers. */
  readonly queue: () => Promise<unknown>;
  readonly clock: Clock;
  readonly log: Logger;
  /** Milliseconds between looks, and the longest wait for one answer. */
  readonly everyMs: number;
}

/** In words, without a value of a row. */
function storeProblem(error: unknown): string {
  if (error instanceof AppError) return error.metadata.problem ?? error.message;
  return postgresCause(error)?.text ?? sqlProblem(error);
}

/** Names on the health board beside the whole (the empty name). */
export const DATABASE = 'database';
export const QUEUE = 'queue';

/** Looks again and again until it is stopped; from then on the replica is not ready. Resolves after the first look. */
export async function watchReadiness(parts: ReadinessParts): Promise<() => Promise<void>> {
  const { health, clock, log, everyMs } = parts;
  const stop = new AbortController();
  /** Why not; undefined where it answers. */
  const problemOf = (ask: () => Promise<unknown>): Promise<string | undefined> =>
    Promise.race([
      ask().then(
        () => undefined,
        (error: unknown) => storeProblem(error),
      ),
      sleep(clock, everyMs, stop.signal).then(() => `no answer in ${everyMs / 1000} s`),
    ]);
  const look = async () => {
    const [database, queue] = await Promise.all([problemOf(parts.database), problemOf(parts.queue)]);
    if (stop.signal.aborted) return;
    const ready = database === undefined;
    if (health.get('') !== undefined && health.get('') !== ready) {
      if (ready) log.info('this replica is ready');
      else
        log.warn('this replica is not ready: the database takes no commit, or does not answer in time', { database });
    }
    health.set(DATABASE, ready, database);
    health.set(QUEUE, queue === undefined, queue);
    health.set('', ready);
  };
  await look();
  const looking = (async () => {
    while (!stop.signal.aborted) {
      await sleep(clock, everyMs, stop.signal);
      if (!stop.signal.aborted) await look();
    }
  })();
  return async () => {
    stop.abort();
    health.set('', false);
    await looking;
  };
}
