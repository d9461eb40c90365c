// Ends the sessions of workers whose token was revoked: all are looked at together each interval.
import type { Clock } from '../../base/clock.ts';
import { AppError } from '../../base/errors.ts';
import { every } from '../../base/every.ts';
import type { Logger } from '../../base/logger.ts';
import type { LiveWorker } from './live-worker.ts';

export interface WorkerWatchParts {
  /** The live sessions of this replica. */
  readonly workers: () => readonly LiveWorker[];
  /** Of these tokens, those that are not valid any more. */
  readonly ended: (tokens: readonly string[]) => Promise<ReadonlySet<string>>;
  readonly clock: Clock;
  readonly log: Logger;
  /** How long a session of a revoked token may go on at most. */
  readonly everyMs: number;
}

/** Begins to watch; returns how to stop. */
export function watchWorkers({ workers, ended, clock, log, everyMs }: WorkerWatchParts): () => void {
  const look = async () => {
    const all = workers();
    if (all.length === 0) return;
    const revoked = await ended([...new Set(all.map(({ token }) => token))]);
    for (const worker of all) {
      if (!revoked.has(worker.token)) continue;
      log.warn('the key of a worker was revoked', { worker: worker.id, name: worker.hello.name });
      worker.end(new AppError('WORKER_KEY_REVOKED'));
    }
  };
  return every(clock, everyMs, look, (error) =>
    log.debug('worker keys could not be looked up', { why: String(error) }),
  );
}
