// Ends what goes on with a key that was revoked: sessions of workers and streams of owners. It is told of each key at once, and looks
// at all keys in use together each interval, in case a word was lost.
import type { Clock } from '../../base/clock.ts';
import { AppError } from '../../base/errors.ts';
import { every } from '../../base/every.ts';
import type { Logger } from '../../base/logger.ts';
import type { KeyCache } from '../identity/principal.ts';
import type { LiveWorker } from './live-worker.ts';
import type { OwnerStreams } from './owner-streams.ts';

export interface KeyWatchParts {
  /** The live sessions of workers of this replica. */
  readonly workers: () => readonly LiveWorker[];
  readonly owners: OwnerStreams;
  /** Of these keys of workers, and of owners, those that are not valid any more. */
  readonly endedWorkerKeys: (ids: readonly string[]) => Promise<ReadonlySet<string>>;
  readonly endedOwnerKeys: (ids: readonly string[]) => Promise<ReadonlySet<string>>;
  readonly cache: KeyCache;
  readonly clock: Clock;
  readonly log: Logger;
  /** How long something may go on with a revoked key at most, when no word of it came. */
  readonly everyMs: number;
}

export interface KeyWatch {
  /** This key was revoked. */
  revoked(id: string): void;
  stop(): void;
}

/** Begins to watch. */
export function watchKeys({
  workers,
  owners,
  endedWorkerKeys,
  endedOwnerKeys,
  cache,
  clock,
  log,
  everyMs,
}: KeyWatchParts): KeyWatch {
  const endWorkers = (ids: ReadonlySet<string>) => {
    for (const worker of workers()) {
      if (!ids.has(worker.key)) continue;
      log.warn('the key of a worker was revoked', { worker: worker.id, name: worker.hello.name });
      worker.end(new AppError('WORKER_KEY_REVOKED'));
    }
  };
  const look = async () => {
    const workerKeys = new Set(workers().map(({ key }) => key));
    if (workerKeys.size > 0) endWorkers(await endedWorkerKeys([...workerKeys]));
    const ownerKeys = owners.keys();
    if (ownerKeys.length > 0) for (const id of await endedOwnerKeys(ownerKeys)) owners.end(id);
  };
  const stop = every(clock, everyMs, look, (error) => log.debug('keys could not be looked up', { why: String(error) }));
  return {
    revoked: (id) => {
      cache.forget(id);
      owners.end(id);
      endWorkers(new Set([id]));
    },
    stop,
  };
}
