// Keeps the health board true: this replica is ready while it can commit and does not leave. Redis away is told apart, because
// what begins on this replica still ends on it.
import { type Clock, sleep } from '../base/clock.ts';
import type { Logger } from '../base/logger.ts';
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

/** Names on the health board beside the whole (the empty name). */
export const DATABASE = 'database';
export const QUEUE = 'queue';

/** Looks again and again until it is stopped; from then on the replica is not ready. Resolves after the first look. */
export async function watchReadiness(parts: ReadinessParts): Promise<() => Promise<void>> {
  const { health, clock, log, everyMs } = parts;
  const stop = new AbortController();
  const answers = (ask: () => Promise<unknown>) =>
    Promise.race([
      ask().then(
        () => true,
        () => false,
      ),
      sleep(clock, everyMs, stop.signal).then(() => false),
    ]);
  const look = async () => {
    const [database, queue] = await Promise.all([answers(parts.database), answers(parts.queue)]);
    if (stop.signal.aborted) return;
    if (health.get('') !== undefined && health.get('') !== database) {
      if (database) log.info('this replica is ready');
      else log.warn('this replica is not ready: the database takes no commit, or does not answer in time');
    }
    health.set(DATABASE, database);
    health.set(QUEUE, queue);
    health.set('', database);
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
